import { afterEach, describe, expect, it } from "@jest/globals";
import { generateSigner } from "../../../../cli/demo/signing/signing.ts";
import type { Artifact } from "../../../../core/images/claims/artifact.ts";
import {
  createVerifierPool,
  type VerifierPool,
  type VerifierPoolOptions,
} from "../../../../core/images/workers/pool.ts";
import { startVerifyThread, type ThreadEvents } from "../../../../core/images/workers/thread.ts";
import { createInThreadVerifier, type Verification } from "../../../../core/images/workers/verifier.ts";
import type { Digest, Discovered } from "../../../../core/policy/evidence.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";

const DIGEST: Digest = `sha256:${"a".repeat(64)}`;
const EVIL = new URL("../support/evil-worker.mjs", import.meta.url);
const signer = generateSigner("acme-release");
const trusted: readonly Authority[] = [{ name: "acme-release", role: "release", key: signer.publicKeyPem }];

const open: VerifierPool[] = [];
const pool = (options: VerifierPoolOptions = {}): VerifierPool => {
  const one = createVerifierPool(options);
  open.push(one);
  return one;
};
const evil = (options: VerifierPoolOptions = {}): VerifierPool =>
  pool({ threads: 1, startThread: (events) => startVerifyThread(events, EVIL, 24), ...options });
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

const simple = (bytes: Uint8Array, signature = "") =>
  ({ kind: "simple", bytes, signature }) satisfies Artifact as Discovered<Artifact>;
const doing = (...deeds: readonly string[]) => deeds.map((deed) => simple(Buffer.from(deed)));
const ask = (verifier: Pick<VerifierPool, "verify">, artifacts: readonly Discovered<Artifact>[], ms = 10_000) =>
  verifier.verify(artifacts, DIGEST, trusted, AbortSignal.timeout(ms));
const words = (all: readonly Verification[]) =>
  all.map((one) => (one.kind === "failed" ? ((one.cause as { code?: string }).code ?? one.cause.message) : "verified"));

function signed(digest: Digest = DIGEST): Discovered<Artifact> {
  const bytes = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": "registry.test/shop/web" },
        image: { "docker-manifest-digest": digest },
        type: "cosign container image signature",
      },
    }),
  );
  return simple(bytes, Buffer.from(signer.sign(bytes)).toString("base64"));
}

describe("threads verify", () => {
  it("and give their memory back when there is nothing to do, until there is", async () => {
    const one = pool({ threads: 1, restMs: 1 });
    expect(words(await ask(one, [signed()]))).toEqual(["verified"]);
    while (one.stats.threads > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(words(await ask(one, [signed()]))).toEqual(["verified"]);
    expect(one.stats).toMatchObject({ verified: 2, failed: 0, ended: 0 });
  });

  it("as this thread does, artifact by artifact and in order", async () => {
    const other: Digest = `sha256:${"b".repeat(64)}`;
    const artifacts = [signed(), simple(Buffer.from("{")), signed(other), signed()];
    const here = await ask(createInThreadVerifier(), artifacts);
    expect(await ask(pool({ threads: 2 }), artifacts)).toEqual(here);
    expect(here.map((one) => (one.kind === "verified" ? one.worth[0]?.kind : one.kind))).toEqual([
      "signature",
      "refused",
      "refused",
      "signature",
    ]);
  });

  it("and leave the artifacts as they were, for whoever asks again", async () => {
    const artifact = signed();
    const threads = pool({ threads: 1 });
    await ask(threads, [artifact]);
    expect(artifact.bytes.byteLength).toBeGreaterThan(0);
    expect(words(await ask(threads, [artifact]))).toEqual(["verified"]);
  });

  it("and say what is wrong with an authority, in its own code", async () => {
    const broken: Authority = {
      name: "x",
      role: "release",
      key: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    };
    const [one] = await pool({ threads: 1 }).verify([signed()], DIGEST, [broken], AbortSignal.timeout(10_000));
    expect(one).toMatchObject({ kind: "failed", cause: { code: "IMAGE_KEY_INVALID" } });
  });
});

describe("an artifact that takes its thread down is not found out about, and no other is lost", () => {
  const cases: [how: string, deed: string, code: string, deadlineMs: number][] = [
    ["by looping", "hang", "VERIFY_TIMEOUT", 150],
    ["by never answering", "silence", "VERIFY_TIMEOUT", 150],
    ["by ending it", "crash", "VERIFY_CRASHED", 10_000],
    ["by an error nobody catches", "fault", "VERIFY_CRASHED", 10_000],
    ["by eating memory", "memory", "VERIFY_CRASHED", 10_000],
  ];
  it.each(cases)("%s", async (_how, deed, code, deadlineMs) => {
    const threads = evil({ deadlineMs });
    expect(words(await ask(threads, doing("fine", deed, "fine")))).toEqual(["verified", code, "verified"]);
    expect(threads.stats).toMatchObject({ verified: 2, failed: 1, ended: 1, threads: 1 });
  });

  it("when a thread answers about another image, or in another's name", async () => {
    const lies = [`x {"digest":"sha256:${"c".repeat(64)}"}`, 'x {"signer":"nobody"}', 'x {"role":"scanner"}'];
    const codes = words(await ask(evil(), doing(...lies, "fine")));
    expect(codes).toEqual(["VERIFY_CRASHED", "VERIFY_CRASHED", "VERIFY_CRASHED", "verified"]);
  });
});

describe("threads that die before they begin", () => {
  /** Dies as often as told, then works. */
  const dying = (times: number) => {
    let left = times;
    return (events: ThreadEvents) => {
      if (left-- <= 0) return startVerifyThread(events, EVIL);
      setImmediate(() => events.ended(new Error("no memory for a thread")));
      return { post: () => {}, kill: () => Promise.resolve() };
    };
  };

  it("once, cost their task nothing but time", async () => {
    expect(words(await ask(pool({ threads: 1, startThread: dying(1) }), doing("fine")))).toEqual(["verified"]);
  });

  it("twice, fail it", async () => {
    const threads = pool({ threads: 1, startThread: dying(2) });
    expect(words(await ask(threads, doing("fine", "fine")))).toEqual(["VERIFY_UNAVAILABLE", "verified"]);
  });
});

describe("waiting is bounded", () => {
  it("in time: what nobody got to is failed when the caller's time is up", async () => {
    const threads = evil({ deadlineMs: 10_000 });
    expect(words(await ask(threads, doing("silence", "fine"), 200))).toEqual(["VERIFY_TIMEOUT", "VERIFY_TIMEOUT"]);
    expect(threads.stats.waiting).toBe(0);
  });

  it("in count: more than the limit are refused at once", async () => {
    const threads = evil({ queueLimit: 3 });
    expect(words(await ask(threads, doing("fine", "fine", "fine", "fine")))).toEqual(Array(4).fill("VERIFY_BUSY"));
  });

  it("by turns: one image's flood does not hold up another's only signature", async () => {
    const threads = evil();
    const done: string[] = [];
    const flood = ask(threads, doing(...Array<string>(200).fill("fine"))).then(() => done.push("flood"));
    const single = ask(threads, doing("fine")).then(() => done.push("single"));
    await Promise.all([flood, single]);
    expect(done).toEqual(["single", "flood"]);
  });

  it("by its end: a pool that closes fails what it has not done", async () => {
    const threads = evil();
    const asked = ask(threads, doing("silence", "fine"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await threads.close();
    expect(words(await asked)).toEqual(["VERIFY_UNAVAILABLE", "VERIFY_UNAVAILABLE"]);
    expect(words(await ask(threads, doing("fine")))).toEqual(["VERIFY_UNAVAILABLE"]);
  });
});
