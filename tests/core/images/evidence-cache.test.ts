import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type PushedImage, pushImage } from "../../../cli/demo/registry/registry.ts";
import { attestVuln, generateSigner, signBundle } from "../../../cli/demo/signing/signing.ts";
import { createTagCache, TAG_TTL_MS, TAGS_KEPT, type TagCache } from "../../../core/images/cache/tag-cache.ts";
import { collectImageEvidence } from "../../../core/images/evidence.ts";
import {
  createEvidenceCache,
  type EvidenceCache,
  NEGATIVE_TTL_MS,
  POSITIVE_TTL_MS,
} from "../../../core/images/evidence-cache.ts";
import { createRegistryClient, type RegistryClient } from "../../../core/images/registry-client.ts";
import type { Authority } from "../../../core/policy/images/schema/image-policy-schema.ts";
import { dawdle, type FaultyRegistry, on, startFaultyRegistry, status } from "../../support/registry-of-faults.ts";

const release = generateSigner("acme-release");
const scanner = generateSigner("acme-scanner");
const trusted: readonly Authority[] = [
  { name: "acme-release", role: "release", key: release.publicKeyPem },
  { name: "acme-scanner", role: "scanner", key: scanner.publicKeyPem },
];

let registry: FaultyRegistry;
let client: RegistryClient;
let image: PushedImage;
let nowMs = 0;

beforeAll(async () => {
  registry = await startFaultyRegistry();
  client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
  image = await pushImage(registry, { repository: "shop/web", tag: "1" });
  await signBundle(registry, image, release);
  await attestVuln(registry, image, scanner, { findings: [], finishedAtMs: 0 });
});
afterEach(() => registry.calm());
afterAll(async () => {
  await client.close();
  await registry.close();
});

const fresh = () => createEvidenceCache({ clock: () => nowMs });
const collect = (cache: EvidenceCache, authorities = trusted, signal = AbortSignal.timeout(5000)) =>
  collectImageEvidence(image.pinned, authorities, { registry: client, cache }, signal);
const lookUps = () => registry.requests.filter(({ url }) => url.includes("referrers")).length;

describe("evidence of one digest", () => {
  it("is gathered once for many askers at the same time", async () => {
    const cache = fresh();
    const all = await Promise.all(Array.from({ length: 20 }, () => collect(cache)));
    expect(all.every(({ signatures }) => signatures.kind === "found")).toBe(true);
    expect(lookUps()).toBe(1);
  });

  it("is gathered again when it has grown old", async () => {
    const cache = fresh();
    await collect(cache);
    nowMs += POSITIVE_TTL_MS - 1;
    await collect(cache);
    expect(lookUps()).toBe(1);
    nowMs += 1;
    await collect(cache);
    expect(lookUps()).toBe(2);
  });

  it("for one set of authorities is not believed for another, even of equal names", async () => {
    const cache = fresh();
    expect((await collect(cache)).signatures.kind).toBe("found");
    const swapped = trusted.map((one) => ({ ...one, key: generateSigner("other").publicKeyPem }));
    expect((await collect(cache, swapped)).signatures.kind).toBe("absent");
  });

  it("goes on being gathered when the first asker gives up, for the next to find", async () => {
    const cache = fresh();
    registry.inject(on(/referrers/, async () => void (await new Promise((resolve) => setTimeout(resolve, 60)))));
    const first = await collect(cache, trusted, AbortSignal.timeout(30));
    const slow = expect.stringContaining(`${registry.host} is slow`);
    expect(first.signatures).toMatchObject({ kind: "failed", cause: { code: "REGISTRY_TIMEOUT", message: slow } });
    expect((await collect(cache)).signatures.kind).toBe("found");
    expect(lookUps()).toBe(1);
  });
});

describe("what was not found", () => {
  it("is believed for a short time only", async () => {
    const cache = fresh();
    const stranger: readonly Authority[] = [{ name: "x", role: "release", key: generateSigner("x").publicKeyPem }];
    await collect(cache, stranger);
    nowMs += NEGATIVE_TTL_MS - 1;
    await collect(cache, stranger);
    expect(lookUps()).toBe(1);
    nowMs += 1;
    await collect(cache, stranger);
    expect(lookUps()).toBe(2);
  });

  it("because of a failure is not kept at all", async () => {
    const cache = fresh();
    registry.inject(on(/referrers/, status(503)));
    expect((await collect(cache)).signatures.kind).toBe("failed");
    registry.calm();
    expect((await collect(cache)).signatures.kind).toBe("found");
  });

  it("because the registry dawdled is not kept either", async () => {
    const cache = fresh();
    const hasty = createRegistryClient({
      registries: [{ host: registry.host, plainHttp: true }],
      requestDeadlineMs: 60,
    });
    const ask = () =>
      collectImageEvidence(image.pinned, trusted, { registry: hasty, cache }, AbortSignal.timeout(5000));
    registry.inject(on(/manifests/, dawdle(20)));
    expect((await ask()).digest.kind).toBe("failed");
    registry.calm();
    expect((await ask()).digest.kind).toBe("found");
    await hasty.close();
  });
});

describe("a registry is asked no more than it must be", () => {
  const tagged = (deps: { cache: EvidenceCache; tags: TagCache }) =>
    collectImageEvidence(image.reference, trusted, { registry: client, ...deps }, AbortSignal.timeout(5000));
  const kept = () => ({ cache: fresh(), tags: createTagCache({ clock: () => nowMs }) });
  const asked = () => registry.requests.splice(0).length;

  it("not at all for a digest whose facts are known", async () => {
    const cache = fresh();
    await collect(cache);
    expect(asked()).toBeGreaterThan(0);
    expect((await collect(cache)).signatures.kind).toBe("found");
    expect(asked()).toBe(0);
  });

  it("once in some seconds for a tag, and by all at the same time together", async () => {
    const deps = kept();
    await tagged(deps);
    registry.calm();
    nowMs += TAG_TTL_MS;
    await Promise.all(Array.from({ length: 10 }, () => tagged(deps)));
    expect(asked()).toBe(1);
    nowMs += TAG_TTL_MS - 1;
    await tagged(deps);
    expect(asked()).toBe(0);
  });

  it("and a tag that moved is followed when its seconds are over", async () => {
    const deps = kept();
    const before = await tagged(deps);
    const moved = await pushImage(registry, { repository: "shop/web", tag: "1", files: { "/moved": "yes" } });
    expect((await tagged(deps)).digest).toEqual(before.digest);
    nowMs += TAG_TTL_MS;
    expect((await tagged(deps)).digest).toEqual({ kind: "found", value: moved.digest });
  });

  it("for no more tags than are kept", async () => {
    const tags = createTagCache();
    for (let n = 0; n <= TAGS_KEPT; n++) await tags.resolve(`r/a:${n}`, async () => undefined);
    expect(tags.size).toBe(TAGS_KEPT);
  });
});
