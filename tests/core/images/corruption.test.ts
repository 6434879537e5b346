import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type PushedImage, pushImage } from "../../../cli/demo/registry/registry.ts";
import { attestVuln, generateSigner, signBundle, signCosignSimple } from "../../../cli/demo/signing/signing.ts";
import { collectImageEvidence } from "../../../core/images/evidence.ts";
import { createRegistryClient, type RegistryClient } from "../../../core/images/registry-client.ts";
import { admits } from "../../../core/policy/decision.ts";
import type { ImageEvidence } from "../../../core/policy/evidence.ts";
import { judgeImage } from "../../../core/policy/images/image-policy.ts";
import type { ImagePolicy } from "../../../core/policy/images/schema/image-policy-schema.ts";
import { imagePolicy } from "../../support/image-policy.ts";
import { type FaultyRegistry, startFaultyRegistry } from "../../support/registry-of-faults.ts";

const NOW = Date.parse("2026-03-10T12:00:00Z");
const release = generateSigner("release");
const scanner = generateSigner("scanner");
const stranger = generateSigner("stranger");
const critical = { id: "CVE-2026-1", severity: "critical", package: "pkg:apk/alpine/ssl@1" } as const;

let registry: FaultyRegistry;
let client: RegistryClient;
let policy: ImagePolicy;
let bad: readonly PushedImage[];
let good: PushedImage;

beforeAll(async () => {
  registry = await startFaultyRegistry();
  const registries = [{ host: registry.host, plainHttp: true }];
  client = createRegistryClient({ registries, transport: registry.transport });
  policy = imagePolicy({
    match: { images: ["**"] },
    authorities: [
      { name: "release", role: "release", key: release.publicKeyPem },
      { name: "scanner", role: "scanner", key: scanner.publicKeyPem },
    ],
    signatures: { require: "any" },
    scan: { maxAge: "7d", refuse: ["critical"] },
  });
  const push = (tag: string) => pushImage(registry, { repository: "shop/web", tag });
  const clean = { findings: [], finishedAtMs: NOW };
  const [unsigned, foreign, vulnerable, stale] = [await push("u"), await push("f"), await push("v"), await push("s")];
  good = await push("g");
  await attestVuln(registry, unsigned, scanner, clean);
  await signBundle(registry, foreign, stranger);
  await signCosignSimple(registry, foreign, scanner);
  await attestVuln(registry, foreign, scanner, clean);
  for (const image of [vulnerable, stale, good]) await signBundle(registry, image, release);
  await attestVuln(registry, vulnerable, scanner, { findings: [critical], finishedAtMs: NOW });
  await attestVuln(registry, stale, scanner, { findings: [], finishedAtMs: NOW - 30 * 86_400_000 });
  await attestVuln(registry, good, scanner, clean);
  bad = [unsigned, foreign, vulnerable, stale];
});
afterEach(() => registry.calm());
afterAll(async () => {
  await client.close();
  await registry.close();
});

const collect = (image: PushedImage): Promise<ImageEvidence> =>
  collectImageEvidence(image.pinned, policy.spec.authorities, { registry: client }, AbortSignal.timeout(5000));
const admitted = async (image: PushedImage) =>
  admits(judgeImage(await collect(image), policy, { path: "image" }, NOW).decision);

/** Changes, cuts or swaps the n-th answer, and leaves the others as they are. */
const corruption = fc.record({
  nth: fc.nat(12),
  at: fc.nat(5000),
  byte: fc.nat(255),
  how: fc.constantFrom("change", "cut", "empty", "repeat", "not found", "error"),
});

function corrupt({ nth, at, byte, how }: { nth: number; at: number; byte: number; how: string }): void {
  let seen = 0;
  registry.inject(({ reply }) => {
    if (seen++ !== nth || !(reply.body instanceof Uint8Array)) return undefined;
    const body = Uint8Array.from(reply.body);
    const where = body.length === 0 ? 0 : at % body.length;
    if (how === "not found" || how === "error") return { ...reply, status: how === "error" ? 500 : 404 };
    if (how === "empty") return { ...reply, body: new Uint8Array() };
    if (how === "cut") return { ...reply, body: body.subarray(0, where) };
    if (how === "repeat") return { ...reply, body: Buffer.concat([body, body]) };
    body[where] = byte;
    return { ...reply, body };
  });
}

describe("whatever happens to one answer of the registry", () => {
  it("an image that is refused stays refused", async () => {
    await fc.assert(
      fc.asyncProperty(corruption, fc.nat(3), async (fault, which) => {
        registry.calm();
        corrupt(fault);
        expect(await admitted(bad[which] as PushedImage)).toBe(false);
      }),
      { numRuns: 400 },
    );
  });

  it("an image that is admitted is admitted for what was signed and for nothing else", async () => {
    const { scan: whole, signatures } = await collect(good);
    expect(await admitted(good)).toBe(true);
    await fc.assert(
      fc.asyncProperty(corruption, async (fault) => {
        registry.calm();
        corrupt(fault);
        const evidence = await collect(good);
        if (evidence.scan.kind === "found") expect(evidence.scan).toEqual(whole);
        if (evidence.signatures.kind === "found") expect(evidence.signatures).toEqual(signatures);
      }),
      { numRuns: 200 },
    );
  });
});
