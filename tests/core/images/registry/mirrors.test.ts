import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type PushedImage, pushImage } from "../../../../cli/demo/registry/registry.ts";
import type { Fault } from "../../../../cli/demo/registry/reply.ts";
import { generateSigner, signCosignSimple } from "../../../../cli/demo/signing/signing.ts";
import { collectImageEvidence } from "../../../../core/images/evidence.ts";
import { OCI_EMPTY, OCI_MANIFEST } from "../../../../core/images/media-types.ts";
import { parseReference } from "../../../../core/images/reference.ts";
import type { RegistryHost } from "../../../../core/images/registry/hosts.ts";
import { HISTORY_REFRESH_MS, openTagHistory, type TagHistory } from "../../../../core/images/registry/tag-history.ts";
import { createRegistryClient, type RegistryClient } from "../../../../core/images/registry-client.ts";
import type { Digest } from "../../../../core/policy/evidence.ts";
import {
  demandBasic,
  type FaultyRegistry,
  hang,
  inProcess,
  on,
  referrerFlood,
  reset,
  serve,
  serveAs,
  startFaultyRegistry,
  status,
} from "../../../support/registry-of-faults.ts";

const HOST = "registry.example";
const NAME = `${HOST}/shop/web`;
const release = generateSigner("release");
let origin: FaultyRegistry;
let near: FaultyRegistry;
let far: FaultyRegistry;
let image: PushedImage;
/** What the mirrors have under the same tag, and the registry never had. */
let foreign: PushedImage;

beforeAll(async () => {
  [origin, near, far] = (await Promise.all(
    ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((host) => startFaultyRegistry(host)) as never,
  )) as [FaultyRegistry, FaultyRegistry, FaultyRegistry];
  image = await pushImage(origin, { repository: "shop/web", tag: "1" });
  await signCosignSimple(origin, image, release);
  for (const mirror of [near, far]) {
    const copy = await pushImage(mirror, { repository: "hub/shop/web", tag: "1" });
    await pushImage(mirror, { repository: "hub/shop/web", tag: "2", files: { "/x": "y" } });
    copyManifest(mirror, image);
    await signCosignSimple(mirror, { ...copy, digest: image.digest }, release);
  }
  foreign = await pushImage(near, { repository: "hub/shop/web", tag: "foreign", files: { "/evil": "1" } });
  for (const one of [origin, near, far]) one.calm();
});
afterEach(() => {
  for (const one of [origin, near, far]) one.calm();
});
afterAll(() => Promise.all([origin.close(), near.close(), far.close()]));

function copyManifest(mirror: FaultyRegistry, { digest }: PushedImage): void {
  mirror.store.putManifest("hub/shop/web", "1", origin.store.manifest("shop/web", digest) as never);
}

const MIRRORED: RegistryHost = { host: HOST, mirrors: ["near.example/hub", "far.example/hub"], tagsFromMirrors: true };
const clientOf = (own: Partial<RegistryHost> = {}, history?: TagHistory): RegistryClient =>
  createRegistryClient({
    transport: inProcess({ [HOST]: origin, "near.example": near, "far.example": far }),
    registries: [{ ...MIRRORED, ...own }],
    requestDeadlineMs: 100,
    ...(history === undefined ? {} : { history }),
  });
const ask = (from: RegistryClient, reference: string, signal = AbortSignal.timeout(5000)) =>
  from.manifest(parseReference(`${NAME}:1`), reference, signal);
const NEAR = { registry: "near.example", repository: "hub/shop/web" };
const FAR = { registry: "far.example", repository: "hub/shop/web" };
const coded = (code: string) => expect.objectContaining({ code });
const OUTAGES: [how: string, fault: () => Fault][] = [
  ["answers 500", () => status(500)],
  ["resets its connections", reset],
  ["hangs", hang],
];

describe("an image named by its digest", () => {
  it("comes from the first mirror, which is told", async () => {
    expect(await ask(clientOf(), image.digest)).toMatchObject({ digest: image.digest, mirror: NEAR });
    expect([origin.requests.length, far.requests.length]).toEqual([0, 0]);
  });

  it.each([
    ["has other bytes under it", serve("{}")],
    ["does not have it", status(404)],
    ["is down", status(503)],
    ["wants credentials", status(401)],
    ["hangs", hang()],
  ])("comes from the next one when the first %s", async (_what, fault) => {
    near.inject(on(/manifests/, fault));
    expect(await ask(clientOf(), image.digest)).toMatchObject({ digest: image.digest, mirror: FAR });
  });

  it("comes from the registry when no mirror has it", async () => {
    for (const mirror of [near, far]) mirror.inject(on(/manifests/, status(404)));
    const found = await ask(clientOf(), image.digest);
    expect([found?.digest, found?.mirror]).toEqual([image.digest, undefined]);
  });

  it("is not there when nobody has it", async () =>
    expect(await ask(clientOf(), `sha256:${"0".repeat(64)}`)).toBeUndefined());

  it("has no other bytes than its own, whoever sends them", async () => {
    for (const one of [origin, near, far]) one.inject(on(/manifests/, serve("{}")));
    await expect(ask(clientOf(), image.digest)).rejects.toEqual(coded("REGISTRY_DIGEST_MISMATCH"));
  });

  it("shows no mirror the registry's credentials", async () => {
    near.inject(demandBasic("robot", "s3cret"));
    far.inject(demandBasic("robot", "s3cret"));
    await ask(clientOf({ credentials: { username: "robot", password: "s3cret" } }), image.digest);
    expect([...near.requests, ...far.requests].every(({ authorization }) => authorization === undefined)).toBe(true);
  });
});

describe("a tag", () => {
  const history = () => openTagHistory(":memory:");
  /** A history in which this tag had that digest. */
  const knowing = (digest: Digest) => {
    const seen = history();
    seen.record(NAME, "1", digest);
    return seen;
  };

  it("is what the registry says while it answers, whatever the mirrors have", async () => {
    const found = await ask(clientOf({}, history()), "1");
    expect([found?.digest, found?.mirror]).toEqual([image.digest, undefined]);
    expect([near.requests.length, far.requests.length]).toEqual([0, 0]);
  });

  it.each(OUTAGES)("known from before comes from a mirror while the registry %s", async (_how, fault) => {
    const seen = history();
    const one = clientOf({}, seen);
    await ask(one, "1");
    origin.inject(fault());
    expect(await ask(one, "1")).toMatchObject({ digest: image.digest, mirror: NEAR });
  });

  it("that a mirror gives another digest for is refused, saying which and why", async () => {
    const copy = near.store.manifest("hub/shop/web", foreign.digest);
    for (const mirror of [near, far]) {
      mirror.inject(
        on(/manifests/, () => ({
          status: 200,
          headers: { "content-type": copy?.mediaType ?? "" },
          body: copy?.bytes ?? new Uint8Array(),
        })),
      );
    }
    origin.inject(status(500));
    await expect(ask(clientOf({}, knowing(image.digest)), "1")).rejects.toMatchObject({
      code: "REGISTRY_TAG_UNSEEN",
      message: expect.stringMatching(
        new RegExp(`^${NAME}:1: near.example gives ${foreign.digest}, far.example gives ${foreign.digest}, never seen`),
      ),
    });
  });

  it("seen at another repository counts for nothing here", async () => {
    const seen = history();
    seen.record(`${HOST}/shop/other`, "1", image.digest);
    seen.record(NAME, "2", image.digest);
    origin.inject(status(500));
    await expect(ask(clientOf({}, seen), "1")).rejects.toEqual(coded("REGISTRY_TAG_UNSEEN"));
  });

  it("is found at the second mirror when the first gives a strange one", async () => {
    near.inject(on(/manifests/, status(404)));
    origin.inject(status(500));
    expect(await ask(clientOf({}, knowing(image.digest)), "1")).toMatchObject({ mirror: FAR });
  });

  it.each([
    ["says it is not there", 404, undefined],
    ["wants other credentials", 401, "REGISTRY_DENIED"],
    ["forbids it", 403, "REGISTRY_DENIED"],
    ["limits requests", 429, "REGISTRY_RATE_LIMITED"],
  ])("comes from no mirror when the registry %s", async (_what, code, outcome) => {
    origin.inject(on(/manifests/, status(code, { "retry-after": "60" })));
    const asked = ask(clientOf({}, knowing(image.digest)), "1").then(
      (found) => found?.digest,
      (error) => error.code,
    );
    expect(await asked).toBe(outcome);
    expect(near.requests).toEqual([]);
  });

  it("comes from no mirror where the operator did not allow it", async () => {
    origin.inject(status(500));
    const strict = clientOf({ tagsFromMirrors: false }, knowing(image.digest));
    await expect(ask(strict, "1")).rejects.toEqual(coded("REGISTRY_UNAVAILABLE"));
  });

  it("is the registry's failure when the mirrors are down too", async () => {
    for (const one of [origin, near, far]) one.inject(status(500));
    await expect(ask(clientOf({}, knowing(image.digest)), "1")).rejects.toMatchObject({
      code: "REGISTRY_UNAVAILABLE",
      message: expect.stringContaining(HOST),
    });
  });
});

describe("evidence", () => {
  const authorities = [{ name: "release", role: "release", key: release.publicKeyPem }] as const;
  const signatures = async (from: RegistryClient) =>
    (await collectImageEvidence(`${NAME}@${image.digest}`, authorities, { registry: from }, AbortSignal.timeout(5000)))
      .signatures;

  it("comes from the registry while it answers", async () => {
    expect(await signatures(clientOf())).toMatchObject({ kind: "found" });
    expect(near.requests.filter(({ url }) => /referrers|\.sig/.test(url))).toEqual([]);
  });

  it("comes from a mirror in an outage, and is verified all the same", async () => {
    origin.inject(status(500));
    expect(await signatures(clientOf())).toMatchObject({ kind: "found", value: [{ signer: "release" }] });
  });

  it("that a mirror leaves out in an outage is not found out, never absent", async () => {
    origin.inject(status(500));
    for (const mirror of [near, far]) mirror.inject(on(/\.sig|\.att|referrers|sha256-/, status(404)));
    expect(await signatures(clientOf())).toMatchObject({ kind: "failed", cause: { code: "REGISTRY_UNAVAILABLE" } });
  });

  it("that a mirror leaves out is not absent either when it has something else in every place", async () => {
    origin.inject(status(500));
    const config = { mediaType: OCI_EMPTY, digest: image.digest, size: 2 };
    const nothing = JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] });
    near.inject(on(/referrers/, referrerFlood(0)), on(/\.sig|\.att/, serveAs(OCI_MANIFEST, nothing)));
    expect(await signatures(clientOf())).toMatchObject({ kind: "failed", cause: { code: "REGISTRY_UNAVAILABLE" } });
  });
});

describe("the history of tags", () => {
  const folder = mkdtempSync(join(tmpdir(), "outrider-tags-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

  it("outlives the process", () => {
    const file = join(folder, "state", "tags.sqlite");
    const first = openTagHistory(file);
    first.record(NAME, "1", digest("1"));
    first.close();
    const second = openTagHistory(file);
    expect([second.seen(NAME, "1", digest("1")), second.seen(NAME, "1", digest("2"))]).toEqual([true, false]);
    second.close();
  });

  it("is bounded for a tag and in all, dropping what was seen longest ago", () => {
    let nowMs = 0;
    const history = openTagHistory(":memory:", { clock: () => ++nowMs, maxTags: 2, digestsPerTag: 2 });
    for (const digit of ["1", "2", "3"]) history.record(NAME, "1", digest(digit));
    expect(["1", "2", "3"].map((digit) => history.seen(NAME, "1", digest(digit)))).toEqual([false, true, true]);
    for (const tag of ["a", "b", "c"]) history.record(NAME, tag, digest("4"));
    expect(["1", "a", "b", "c"].map((tag) => history.seen(NAME, tag, digest(tag === "1" ? "3" : "4")))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(history.seen(NAME, "1", digest("2"))).toBe(false);
    history.close();
  });

  it("keeps what is still in use over what was seen once", () => {
    let nowMs = 0;
    const history = openTagHistory(":memory:", { clock: () => nowMs, maxTags: 1, digestsPerTag: 2 });
    history.record(NAME, "1", digest("1"));
    nowMs += 1;
    history.record(NAME, "1", digest("2"));
    nowMs += HISTORY_REFRESH_MS;
    history.record(NAME, "1", digest("1"));
    history.record(NAME, "1", digest("3"));
    expect(["1", "2", "3"].map((digit) => history.seen(NAME, "1", digest(digit)))).toEqual([true, false, true]);
    history.close();
  });

  it("in a file that is none is refused at the start", () => {
    const file = join(folder, "broken.sqlite");
    writeFileSync(file, "this is no database, and long enough to be taken for one ".repeat(10));
    expect(() => openTagHistory(file)).toThrow(expect.objectContaining({ code: "TAG_HISTORY" }));
  });
});
