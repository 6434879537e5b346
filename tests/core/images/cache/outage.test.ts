import { describe, expect, it } from "@jest/globals";
import { HOUR_MS } from "../../../../core/base/clock.ts";
import {
  JOIN_LIMIT_MS,
  LOOK_UPS_LIMIT,
  LOOK_UPS_PER_REGISTRY,
  singleFlight,
} from "../../../../core/images/cache/single-flight.ts";
import {
  createEvidenceCache,
  type ImageFacts,
  NEGATIVE_TTL_MS,
  OUTAGE_LIMIT_MS,
  POSITIVE_TTL_MS,
} from "../../../../core/images/evidence-cache.ts";
import { failure } from "../../../../core/images/registry/answer.ts";
import { ask, facts, NOTHING, scan, signature } from "../support/facts.ts";

const DOWN = failure("REGISTRY_UNREACHABLE", "registry.test: connection refused");
const failed = (cause = DOWN): ImageFacts => facts({ signatures: [], failures: [cause] });

/** A cache that gathered this at time 0, and is asked again when the clock says `laterMs`. */
async function asked(first: ImageFacts, laterMs: number, gather: () => Promise<ImageFacts>) {
  let nowMs = 0;
  const cache = createEvidenceCache({ clock: () => nowMs });
  await ask(cache, "key", async () => first);
  nowMs = laterMs;
  return { cache, again: ask(cache, "key", gather) };
}

describe("in an outage", () => {
  it("what was verified earlier still counts, and what was not found is failed, not absent", async () => {
    const { cache, again } = await asked(facts(), POSITIVE_TTL_MS, async () => failed());
    expect(await again).toMatchObject({ signatures: [{ signer: "acme-release" }], scans: [], failures: [DOWN] });
    expect(cache.stats).toMatchObject({ outageHits: 1, hits: 0 });
  });

  it("so it does when the look-up itself throws", async () => {
    const { again } = await asked(facts(), POSITIVE_TTL_MS, () => Promise.reject(DOWN));
    expect(await again).toMatchObject({ signatures: [{ signer: "acme-release" }], failures: [DOWN] });
  });

  it("so it does when nobody answers, without waiting for the caller's whole time", async () => {
    const { again } = await asked(facts(), POSITIVE_TTL_MS, () => new Promise(() => {}));
    expect((await again).signatures).toHaveLength(1);
  });

  it("both what is found now and what was found then count", async () => {
    const now = facts({ signatures: [signature("second")], failures: [DOWN] });
    const { again } = await asked(facts({ scans: [scan()] }), POSITIVE_TTL_MS, async () => now);
    expect((await again).signatures.map(({ signer }) => signer)).toEqual(["second", "acme-release"]);
    expect((await again).scans).toHaveLength(1);
  });

  it.each([
    ["after the limit", facts(), OUTAGE_LIMIT_MS + 1],
    ["when nothing had been verified", NOTHING, NEGATIVE_TTL_MS],
  ])("nothing counts %s", async (_when, first, laterMs) => {
    const { again } = await asked(first, laterMs, async () => failed());
    expect(await again).toMatchObject({ signatures: [], failures: [DOWN] });
  });

  it.each([
    ["other bytes", failure("REGISTRY_DIGEST_MISMATCH", "x")],
    ["a refusal", failure("REGISTRY_DENIED", "x")],
    ["nonsense", failure("REGISTRY_MALFORMED", "x")],
  ])("is not what a registry is in that answers with %s", async (_what, cause) => {
    const { again } = await asked(facts(), POSITIVE_TTL_MS, async () => failed(cause));
    expect(await again).toMatchObject({ signatures: [], failures: [cause] });
    const thrown = await asked(facts(), POSITIVE_TTL_MS, () => Promise.reject(cause));
    await expect(thrown.again).rejects.toBe(cause);
  });

  it("a clock that went back makes nothing fresh, and one that went far back or ahead nothing usable", async () => {
    const back = await asked(facts(), -1, async () => failed());
    expect((await back.again).signatures).toHaveLength(1);
    expect(back.cache.stats.hits).toBe(0);
    for (const jump of [-25 * HOUR_MS, 25 * HOUR_MS]) {
      const { again } = await asked(facts(), jump, async () => failed());
      expect((await again).signatures).toEqual([]);
    }
  });
});

describe("what counts for a time only", () => {
  it("stops counting at that millisecond, however fresh it is kept", async () => {
    const first = facts({ signatures: [signature("short", { validUntilMs: 1000 })] });
    const before = await asked(first, 999, async () => failed());
    expect((await before.again).signatures).toHaveLength(1);
    const after = await asked(first, 1000, async () => failed());
    expect(await after.again).toMatchObject({
      signatures: [],
      refusals: [{ seen: "signature", why: "a signature by short that counted until 1970-01-01T00:00:01.000Z" }],
    });
  });
});

describe("look-ups under way", () => {
  it("are bounded, and who comes after is refused", async () => {
    const flights = singleFlight<void>();
    const hang = () => new Promise<void>(() => {});
    for (let n = 0; n < LOOK_UPS_LIMIT; n++) void flights.run(`h${n}.example/shop`, hang);
    await expect(flights.run("one.example/more", async () => {})).rejects.toMatchObject({ code: "EVIDENCE_BUSY" });
  });

  it("at one registry that hangs leave room for those at others", async () => {
    const flights = singleFlight<void>();
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = Array.from({ length: LOOK_UPS_PER_REGISTRY }, (_, n) =>
      flights.run(`one.example/${n}`, () => promise),
    );
    await expect(flights.run("one.example/more", async () => {})).rejects.toMatchObject({ code: "EVIDENCE_BUSY" });
    await flights.run("other.example/shop", async () => {});
    resolve();
    await Promise.all(held);
    await flights.run("one.example/more", async () => {});
  });

  it("that hang hold nobody up who comes later", async () => {
    const flights = singleFlight<string>();
    const { now } = performance;
    void flights.run("key", () => new Promise(() => {}));
    try {
      performance.now = () => now.call(performance) + JOIN_LIMIT_MS;
      expect(await flights.run("key", async () => "answered")).toBe("answered");
    } finally {
      performance.now = now;
    }
  });
});
