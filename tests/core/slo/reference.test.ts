import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../../core/base/clock.ts";
import { conditionOf, INACTIVE, nextState } from "../../../core/slo/alert.ts";
import { errorRatioLowerBound } from "../../../core/slo/burn-rate.ts";
import { SloHistory } from "../../../core/slo/history.ts";
import type { Objective } from "../../../core/slo/objective.ts";
import { BURN_ALERTS, BURN_WINDOWS_MS } from "../../../core/slo/windows.ts";

const START_MS = 1_700_000_000_000;
const objective: Objective = {
  slo: "payments",
  namespace: "shop",
  service: "payments",
  target: 0.999,
  periodMs: 30 * DAY_MS,
  indicator: { kind: "latency", metric: "m", total: {}, thresholdSeconds: 1 },
  source: "here",
};

type Raw = readonly [atMs: number, good: number, bad: number];

/** Every raw event again: those in the window's slices, the unfinished one included. */
function reference(raw: readonly Raw[], nowMs: number, windowMs: number): { good: number; bad: number } {
  const sliceMs = windowMs <= 3 * DAY_MS ? MINUTE_MS : HOUR_MS;
  const fromMs = (Math.floor(nowMs / sliceMs) + 1) * sliceMs - windowMs;
  const inside = raw.filter(([atMs]) => atMs >= fromMs && atMs <= nowMs);
  return {
    good: inside.reduce((sum, [, good]) => sum + good, 0),
    bad: inside.reduce((sum, [, , bad]) => sum + bad, 0),
  };
}

describe("burn rate and budget", () => {
  const stream = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 4 * HOUR_MS }), fc.nat(1_000), fc.oneof(fc.constant(0), fc.nat(50))),
    { minLength: 1, maxLength: 400 },
  );

  it("equal a count of every raw event, to 1e-9, through gaps and bursts and a restart", () => {
    fc.assert(
      fc.property(stream, fc.nat(5 * DAY_MS), (steps, idleMs) => {
        let history = new SloHistory(objective);
        const raw: Raw[] = [];
        let atMs = START_MS;
        for (const [index, [stepMs, good, bad]] of steps.entries()) {
          atMs += stepMs;
          raw.push([atMs, good, bad]);
          history.add(atMs, { good, bad });
          if (index !== 7) continue;
          const restarted = new SloHistory(objective);
          restarted.restore(history.snapshot());
          history = restarted;
        }
        const nowMs = atMs + idleMs;
        for (const windowMs of [...BURN_WINDOWS_MS, objective.periodMs]) {
          const { good, bad } = reference(raw, nowMs, windowMs);
          expect(history.counts(nowMs, windowMs)).toEqual({ good, bad });
          const rate = good + bad === 0 ? undefined : bad / (good + bad) / (1 - 0.999);
          if (rate === undefined) expect(history.burnRate(nowMs, windowMs)).toBeUndefined();
          else expect(history.burnRate(nowMs, windowMs)).toBeCloseTo(rate, 9);
        }
        const period = reference(raw, nowMs, objective.periodMs);
        const total = period.good + period.bad;
        const share = Math.min(1, (nowMs - (raw[0]?.[0] ?? 0)) / objective.periodMs);
        if (total > 0)
          expect(history.budgetRemaining(nowMs)).toBeCloseTo(1 - (period.bad / total / (1 - 0.999)) * share, 9);
      }),
      { numRuns: 60 },
    );
  });

  it("leave 47.5 % where 1000 requests a second by day fail at 0.05 % and one every two seconds by night at 5 %", () => {
    const history = new SloHistory(objective);
    for (let minute = 0; minute < 31 * 24 * 60; minute++) {
      const perMinute = minute % 1440 < 720 ? [60_000, 30] : [30, 1.5];
      const [total = 0, bad = 0] = perMinute;
      history.add(START_MS + minute * MINUTE_MS, { good: total - bad, bad });
    }
    const nowMs = START_MS + 31 * DAY_MS - 1;
    expect(history.budgetRemaining(nowMs)).toBeCloseTo(0.475, 3);
  });
});

describe("the confidence gate", () => {
  it("is the formula of the specification", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
        const bad = Math.floor(n * share);
        const p = bad / n;
        const z = 1.645;
        const bound =
          (p + (z * z) / 2 / n - z * Math.sqrt((p * (1 - p)) / n + (z * z) / 4 / (n * n))) / (1 + (z * z) / n);
        expect(errorRatioLowerBound({ good: n - bad, bad })).toBeCloseTo(Math.max(0, bound), 12);
      }),
    );
    expect(errorRatioLowerBound({ good: 0, bad: 1 })).toBeCloseTo(0.27, 2);
  });
});

describe("an alert", () => {
  const fast = BURN_ALERTS[0]!;

  it("does not wait for a clock that was set back an hour while it was pending", () => {
    const history = new SloHistory(objective);
    let nowMs = START_MS;
    let state = INACTIVE;
    const step = (ms: number): void => {
      nowMs += ms;
      history.add(nowMs, { good: 50, bad: 50 });
      state = nextState(state, conditionOf(history, fast, state.phase, nowMs), nowMs, fast, 1);
    };
    step(0);
    expect(state.phase).toBe("pending");
    step(-HOUR_MS);
    step(MINUTE_MS);
    step(MINUTE_MS);
    expect(state.phase).toBe("firing");
  });

  it("sees again what happens now after the clock was a year ahead for a moment", () => {
    const history = new SloHistory(objective);
    history.add(START_MS, { good: 100, bad: 0 });
    history.add(START_MS + 365 * DAY_MS, { good: 1, bad: 0 });
    for (let minute = 1; minute <= 120; minute++) history.add(START_MS + minute * MINUTE_MS, { good: 100, bad: 0 });
    const nowMs = START_MS + 120 * MINUTE_MS;
    expect(history.counts(nowMs, 5 * MINUTE_MS).good).toBeLessThanOrEqual(500);
    expect(history.counts(nowMs, HOUR_MS).good).toBe(6_000);
  });
});
