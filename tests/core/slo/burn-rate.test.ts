import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../../core/base/clock.ts";
import { budgetRemaining, burnRate, errorRatioLowerBound, timeToExhaustionMs } from "../../../core/slo/burn-rate.ts";
import { HISTORY_TIERS, SloHistory } from "../../../core/slo/history.ts";
import type { Objective } from "../../../core/slo/objective.ts";
import { BURN_ALERTS, BURN_WINDOWS_MS, burnFactor, isUnreachable, windowName } from "../../../core/slo/windows.ts";

const OBJECTIVE: Objective = {
  slo: "payments-availability",
  namespace: "shop",
  service: "payments",
  target: 0.999,
  periodMs: 30 * DAY_MS,
  indicator: { kind: "ratio", metric: "m", total: {}, part: { result: "bad", labels: { status: "5.." } } },
  source: "test",
};
const START = Date.UTC(2026, 0, 1);

describe("burn alerts over 30 days", () => {
  it("have the workbook's factors, computed from the budget share", () => {
    expect(BURN_ALERTS.map((alert) => burnFactor(alert, 30 * DAY_MS))).toEqual(
      [14.4, 6, 3, 1].map((f) => expect.closeTo(f, 12)),
    );
  });

  it("look at seven windows between them", () => {
    expect(BURN_WINDOWS_MS.map(windowName)).toEqual(["5m", "30m", "1h", "2h", "6h", "1d", "3d"]);
  });

  it("know when they can never fire: 14.4 times a budget of 7 % is more than everything", () => {
    const [fast] = BURN_ALERTS;
    expect(isUnreachable(fast!, 30 * DAY_MS, 0.93)).toBe(true);
    expect(isUnreachable(fast!, 30 * DAY_MS, 0.94)).toBe(false);
  });
});

describe("a burn rate", () => {
  it.each([
    ["exactly on budget", { good: 999, bad: 1 }, 1],
    ["without a failure", { good: 10, bad: 0 }, 0],
    ["of a total outage", { good: 0, bad: 7 }, 1000],
  ])("%s", (_, counts, rate) => {
    expect(burnRate(counts, 0.999)).toBeCloseTo(rate, 9);
  });

  it("is undefined for an idle window, because no traffic is not the same as no errors", () => {
    expect(burnRate({ good: 0, bad: 0 }, 0.999)).toBeUndefined();
  });

  it.each([0, 1, 99.9, Number.NaN])("refuses %s as a target", (target) => {
    expect(() => burnRate({ good: 1, bad: 0 }, target)).toThrow(RangeError);
  });

  it("refuses negative counts", () => {
    expect(() => burnRate({ good: -1, bad: 0 }, 0.999)).toThrow(RangeError);
  });
});

describe("what few events prove", () => {
  it("is little: one bad of one proves a ratio of 0.27", () => {
    expect(errorRatioLowerBound({ good: 0, bad: 1 })).toBeCloseTo(0.27, 2);
  });

  it("is the closed form of the Wilson bound, never above the ratio and never NaN", () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.nat({ max: 10_000 }), (good, bad) => {
        const [bound, n] = [errorRatioLowerBound({ good, bad }), good + bad];
        if (n === 0) return expect(bound).toBe(0);
        const p = bad / n;
        const spread = 1.645 * Math.sqrt((p * (1 - p)) / n + 0.6765 / n ** 2);
        expect(bound).toBeCloseTo(Math.max(0, (p + 1.353 / n - spread) / (1 + 2.706 / n)), 3);
        expect(bound).toBeLessThanOrEqual(p + 1e-12);
      }),
    );
  });
});

describe("an error budget", () => {
  const periodMs = 30 * DAY_MS;

  it("of busy days and failing nights is 47.5 %, where averaging ratios says -2425 %", () => {
    const history = new SloHistory(OBJECTIVE);
    const day = { good: 1000 * 3600 * 0.9995, bad: 1000 * 3600 * 0.0005 };
    const night = { good: 0.5 * 3600 * 0.95, bad: 0.5 * 3600 * 0.05 };
    let nowMs = START;
    for (let hour = 0; hour < 30 * 24; hour++, nowMs += HOUR_MS) history.add(nowMs, hour % 24 < 12 ? day : night);
    expect(history.budgetRemaining(nowMs - 1)).toBeCloseTo(0.475, 3);
    expect(1 - (0.0005 + 0.05) / 2 / 0.001).toBeCloseTo(-24.25, 9);
  });

  it("stays what it was through an idle gap, while coverage falls", () => {
    const history = new SloHistory(OBJECTIVE);
    for (let hour = 0; hour < 30 * 24; hour++) history.add(START + hour * HOUR_MS, { good: 9995, bad: 5 });
    const endMs = START + 30 * DAY_MS - 1;
    expect(history.budgetRemaining(endMs)).toBeCloseTo(0.5, 9);
    expect(history.coverage(endMs)).toBeCloseTo(1, 9);
    expect(history.budgetRemaining(endMs + 5 * DAY_MS)).toBeCloseTo(0.5, 9);
    expect(history.coverage(endMs + 5 * DAY_MS)).toBeCloseTo(25 / 30, 9);
    expect(history.burnRate(endMs + 5 * DAY_MS, HOUR_MS)).toBeUndefined();
  });

  it("of a service a day old counts the rest of the month as unspent", () => {
    const history = new SloHistory(OBJECTIVE);
    for (let hour = 0; hour <= 24; hour++) history.add(START + hour * HOUR_MS, { good: 995, bad: 5 });
    expect(history.budgetRemaining(START + DAY_MS)).toBeCloseTo(1 - 5 / 30, 9);
  });

  it("lasts its share of the period divided by the burn rate", () => {
    expect(timeToExhaustionMs(1, 14.4, periodMs)).toBeCloseTo(50 * HOUR_MS, 6);
    expect(timeToExhaustionMs(0.5, 10, periodMs)).toBeCloseTo(1.5 * DAY_MS, 6);
    expect(timeToExhaustionMs(-3, 10, periodMs)).toBe(0);
    expect(timeToExhaustionMs(0.5, 0, periodMs)).toBeUndefined();
    expect(timeToExhaustionMs(1, 0.5, periodMs)).toBeUndefined();
    expect(budgetRemaining({ good: 0, bad: 0 }, 0.999)).toBeUndefined();
  });

  it("burns down from all of it to what is left", () => {
    const history = new SloHistory(OBJECTIVE);
    for (let hour = 0; hour < 48; hour++) history.add(START + hour * HOUR_MS, { good: 990, bad: hour < 24 ? 0 : 20 });
    const line = history.burnDown(START + 2 * DAY_MS);
    expect(line.length).toBeGreaterThan(100);
    expect(line.length).toBeLessThanOrEqual(300);
    expect(line[0]?.remaining).toBeCloseTo(1, 6);
    expect(line.at(-1)?.remaining).toBeCloseTo(history.budgetRemaining(START + 2 * DAY_MS)!, 2);
  });
});

describe("history equals a brute-force count over the raw samples", () => {
  const sample = fc.record({
    gapMs: fc.oneof(fc.nat({ max: 5 * MINUTE_MS }), fc.nat({ max: 8 * HOUR_MS })),
    good: fc.nat({ max: 10_000 }),
    bad: fc.double({ min: 0, max: 100, noNaN: true }),
  });
  const scales = fc.constantFrom(1, 7, 300, 1200);

  it("for every window, time scale and gap, to 1e-9, and after a restart", () => {
    fc.assert(
      fc.property(
        fc.array(sample, { minLength: 1, maxLength: 60 }),
        scales,
        fc.nat({ max: 2 * HOUR_MS }),
        (samples, scale, afterMs) => {
          const history = new SloHistory(OBJECTIVE, scale);
          let nowMs = START;
          const raw = samples.map(({ gapMs, good, bad }) => {
            nowMs += gapMs / scale;
            history.add(nowMs, { good, bad });
            return { atMs: nowMs, good, bad };
          });
          nowMs += afterMs / scale;
          const restarted = new SloHistory(OBJECTIVE, scale);
          restarted.restore(JSON.parse(JSON.stringify(history.snapshot())));
          for (const windowMs of [...BURN_WINDOWS_MS, OBJECTIVE.periodMs]) {
            const wanted = bruteForce(raw, nowMs, windowMs, scale);
            for (const { good, bad } of [history.counts(nowMs, windowMs), restarted.counts(nowMs, windowMs)]) {
              expect(Math.abs(good - wanted.good)).toBeLessThanOrEqual(1e-9 * Math.max(1, wanted.good));
              expect(Math.abs(bad - wanted.bad)).toBeLessThanOrEqual(1e-9 * Math.max(1, wanted.bad));
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  /** A window is its whole slices that end with the current one; slices are a minute up to three days, else an hour. */
  function bruteForce(
    raw: readonly { atMs: number; good: number; bad: number }[],
    nowMs: number,
    windowMs: number,
    scale: number,
  ) {
    const { sliceMs } = windowMs <= 3 * DAY_MS ? HISTORY_TIERS.fine : HISTORY_TIERS.coarse;
    const sliceOf = (ms: number): number => Math.floor(ms / (sliceMs / scale));
    const oldest = sliceOf(nowMs) - windowMs / sliceMs;
    const counted = raw.filter(({ atMs }) => sliceOf(atMs) > oldest);
    return {
      good: counted.reduce((sum, { good }) => sum + good, 0),
      bad: counted.reduce((sum, { bad }) => sum + bad, 0),
    };
  }
});
