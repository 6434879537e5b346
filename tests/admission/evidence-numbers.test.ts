import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { addEvidenceMetrics } from "../../admission/record/evidence-metrics.ts";
import { createImageSource, type ImageSource } from "../../admission/sources/images.ts";
import { parseReference } from "../../core/images/reference.ts";
import type { ImageEvidence } from "../../core/policy/evidence.ts";
import type { Authority } from "../../core/policy/images/schema/authority.ts";
import { openShop, RELEASE, type Shop } from "./support/webhook.ts";

const trusted: readonly Authority[] = [{ name: RELEASE.name, role: "release", key: RELEASE.publicKeyPem }];
const folder = mkdtempSync(join(tmpdir(), "outrider-numbers-"));
let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => {
  await shop.registry.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = () =>
  createImageSource({
    registries: [{ host: shop.registry.host, plainHttp: true }],
    stateDir: folder,
    verify: { threads: 1 },
  });
const collect = (source: ImageSource, image: string): Promise<ImageEvidence> =>
  source.collect(parseReference(image), trusted, AbortSignal.timeout(10_000));
const scrape = async (source: ImageSource) => {
  const registry = new Registry();
  addEvidenceMetrics(registry, () => source.stats);
  await registry.metrics();
  const text = await registry.metrics(); // totals are read, not added up, at each scrape
  return (name: string) => Number(text.split(`\noutrider_admission_${name} `)[1]?.split("\n")[0]);
};

describe("the numbers of evidence", () => {
  it("count hits, misses, bytes and verifications", async () => {
    const source = open();
    for (const image of [shop.images.good, shop.images.good, shop.images.unsigned, shop.images.unsigned])
      await collect(source, image);
    const value = await scrape(source);
    expect(value('evidence_lookups_total{result="hit"}')).toBe(1);
    expect(value('evidence_lookups_total{result="negative_hit"}')).toBe(1);
    expect(value('evidence_lookups_total{result="miss"}')).toBe(2);
    expect(value('evidence_bytes{place="memory"}')).toBeGreaterThan(500);
    expect(value('verifications_total{outcome="verified"}')).toBeGreaterThan(2);
    expect(value("evidence_dropped_total")).toBe(0);
    await source.close();
  });

  it("show that a restarted gate knows what it knew, and asks no registry for it", async () => {
    const before = open();
    const { digest } = await collect(before, shop.images.good);
    await before.close();
    const pinned = `${shop.images.good}@${digest.kind === "found" ? digest.value : ""}`;
    const source = open();
    shop.registry.calm();
    expect((await collect(source, pinned)).signatures.kind).toBe("found");
    expect(shop.registry.requests).toEqual([]);
    expect((await scrape(source))('evidence_lookups_total{result="hit"}')).toBe(1);
    await source.close();
  });
});
