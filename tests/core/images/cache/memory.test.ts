import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createEvidenceCache, type ImageFacts } from "../../../../core/images/evidence-cache.ts";
import { ask, facts, scan, signature } from "../support/facts.ts";

const someFacts = fc
  .record({ signers: fc.nat(4), findings: fc.nat(30), why: fc.string({ maxLength: 300, unit: "binary" }) })
  .map(({ signers, findings, why }) =>
    facts({
      signatures: Array.from({ length: signers }, (_, n) => signature(`signer-${n}`)),
      scans: [
        scan(Array.from({ length: findings }, (_, n) => ({ id: `CVE-2026-${n}`, severity: "low", package: why }))),
      ],
      refusals: [{ seen: "other", why }],
    }),
  );

/** Keys of a small alphabet, so that entries are replaced and asked for again. */
const step = fc.record({ key: fc.integer({ min: 0, max: 20 }).map((n) => `key-${n}`), facts: someFacts });

describe("evidence in memory", () => {
  it("never passes its bytes, and counts what it holds and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 500, max: 60_000 }),
        async (steps, maxBytes) => {
          let nowMs = 0;
          const cache = createEvidenceCache({ maxBytes, clock: () => nowMs });
          for (const { key, facts: found } of steps) {
            nowMs += 1_000_000; // nothing is fresh: every step replaces
            await ask(cache, key, async () => found);
            expect(cache.bytes).toBeLessThanOrEqual(maxBytes);
            expect(cache.bytes > 0).toBe(cache.size > 0);
          }
          const alone = createEvidenceCache({ maxBytes: Number.MAX_SAFE_INTEGER, clock: () => nowMs });
          for (const { key, facts: found } of steps) {
            nowMs += 1_000_000;
            await ask(alone, key, async () => found);
          }
          const last = new Map(steps.map(({ key, facts: found }) => [key, found]));
          expect(alone.size).toBe(last.size);
          expect(alone.bytes).toBe(await bytesOfEach(last));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("takes no more of the heap than it says", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const heap = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const cache = createEvidenceCache({ maxBytes: Number.MAX_SAFE_INTEGER });
    const fresh = (n: number): ImageFacts =>
      JSON.parse(
        JSON.stringify(
          facts({
            scans: [
              scan(
                Array.from({ length: 20 }, (_, id) => ({
                  id: `CVE-${n}-${id}`,
                  severity: "low",
                  package: `pkg:apk/alpine/some-package-${id}@1.${n}`,
                })),
              ),
            ],
          }),
        ),
      ) as ImageFacts;
    await ask(cache, "warm", async () => fresh(0));
    const before = heap();
    for (let n = 0; n < 2000; n++) await ask(cache, `registry.test/shop/web@sha256:${n}`, async () => fresh(n));
    const taken = heap() - before;
    expect(taken).toBeLessThan(cache.bytes);
    expect(taken).toBeGreaterThan(cache.bytes / 4); // nor is it so careful that the memory is of no use
  });

  it("drops what was used longest ago, and an entry larger than all of it is not kept", async () => {
    const each = await bytesOfEach(new Map([["a", facts()]]));
    const cache = createEvidenceCache({ maxBytes: each * 3 });
    let gathered = 0;
    const get = (key: string, found = facts()) =>
      ask(cache, key, async () => {
        gathered++;
        return found;
      });
    for (const key of ["a", "b", "c", "a", "d"]) await get(key);
    expect([gathered, cache.size, cache.stats.evictions]).toEqual([4, 3, 1]);
    await get("a");
    expect(gathered).toBe(4);
    await get("b");
    expect(gathered).toBe(5);
    await get("large", facts({ refusals: [{ seen: "other", why: "z".repeat(each * 3) }] }));
    expect(cache.size).toBe(3);
  });
});

async function bytesOfEach(entries: ReadonlyMap<string, ImageFacts>): Promise<number> {
  let sum = 0;
  for (const [key, found] of entries) {
    const cache = createEvidenceCache({ maxBytes: Number.MAX_SAFE_INTEGER });
    await ask(cache, key, async () => found);
    sum += cache.bytes;
  }
  return sum;
}
