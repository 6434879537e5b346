import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DAY_MS, MINUTE_MS, SECOND_MS } from "../../../core/base/clock.ts";
import { type AlertPhase, type AlertState, conditionOf, INACTIVE, nextState } from "../../../core/slo/alert.ts";
import { Contributors } from "../../../core/slo/contributors.ts";
import { SloHistory } from "../../../core/slo/history.ts";
import type { Objective } from "../../../core/slo/objective.ts";
import { BURN_ALERTS } from "../../../core/slo/windows.ts";

const START = Date.UTC(2026, 0, 1);
const [FAST, , DRAIN] = BURN_ALERTS;
const objective = (target: number): Objective => ({
  slo: "s",
  namespace: "shop",
  service: "payments",
  target,
  periodMs: 30 * DAY_MS,
  indicator: { kind: "ratio", metric: "m", total: {}, part: { result: "bad", labels: {} } },
  source: "test",
});

/** A service that gets `perMinute` requests, of which a share fails in some minutes; returns the phases in order. */
function phases(options: {
  readonly minutes: number;
  readonly perMinute: number;
  readonly badShare: (minute: number) => number;
  readonly target?: number;
  readonly timeScale?: number;
  readonly alert?: typeof FAST;
}): { phase: AlertPhase; minute: number }[] {
  const { minutes, perMinute, badShare, target = 0.999, timeScale = 1, alert = FAST } = options;
  const history = new SloHistory(objective(target), timeScale);
  const seen: { phase: AlertPhase; minute: number }[] = [];
  let state: AlertState = INACTIVE;
  for (let second = 0; second < minutes * 60; second += 15) {
    const nowMs = START + (second * SECOND_MS) / timeScale;
    if (second % 60 === 0) {
      const bad = Math.round(perMinute * badShare(second / 60));
      history.add(nowMs, { good: perMinute - bad, bad });
    }
    const next = nextState(state, conditionOf(history, alert!, state.phase, nowMs), nowMs, alert!, timeScale);
    if (next.phase !== state.phase) seen.push({ phase: next.phase, minute: Math.floor(second / 60) });
    state = next;
  }
  return seen;
}

describe("a fast-burn page", () => {
  const fault = (from: number, to: number, share: number) => (minute: number) =>
    minute >= from && minute < to ? share : 0;

  it.each([1, 300, 1200])("goes pending, firing, resolved with its fault, at time scale %d", (timeScale) => {
    const seen = phases({ minutes: 120, perMinute: 600, badShare: fault(60, 70, 0.5), timeScale });
    expect(seen.map(({ phase }) => phase)).toEqual(["pending", "firing", "resolved"]);
    const [pending, firing, resolved] = seen;
    expect(pending!.minute).toBeLessThanOrEqual(63);
    expect(firing!.minute).toBeLessThanOrEqual(65);
    expect(resolved!.minute).toBeLessThanOrEqual(82);
  });

  it("does not flap at time scale 300 when exports come every 250 ms and stall for up to 1.5 s", () => {
    const stalls = fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 1500 })), {
      minLength: 100,
    });
    fc.assert(
      fc.property(stalls, fc.integer({ min: 15, max: 100 }), (stallMs, perSecond) => {
        expect(scaledDemo(stallMs, perSecond)).toEqual(["pending", "firing", "resolved"]);
      }),
      { numRuns: 50 },
    );
  });

  it("pages within four minutes of a total outage at one request a minute", () => {
    const seen = phases({ minutes: 120, perMinute: 1, badShare: fault(60, 120, 1) });
    expect(seen.find(({ phase }) => phase === "firing")?.minute).toBeLessThanOrEqual(64);
  });

  it("does not page on one error at one request a minute", () => {
    expect(phases({ minutes: 120, perMinute: 1, badShare: fault(60, 61, 1) })).toEqual([]);
  });

  it("does not page on one error at 99.99 % and two requests a minute, where the bound alone would", () => {
    const badShare = fault(60, 61, 0.5);
    expect(phases({ minutes: 120, perMinute: 2, badShare, target: 0.9999 })).toEqual([]);
  });

  it("does not page below its factor", () => {
    expect(phases({ minutes: 180, perMinute: 10_000, badShare: () => 0.014 })).toEqual([]);
    expect(phases({ minutes: 180, perMinute: 10_000, badShare: () => 0.016 })).not.toEqual([]);
  });

  it("stays when traffic stops altogether: silence is not recovery", () => {
    const history = new SloHistory(objective(0.999));
    for (let minute = 0; minute < 10; minute++) history.add(START + minute * MINUTE_MS, { good: 0, bad: 10 });
    const quietMs = START + 20 * MINUTE_MS;
    expect(conditionOf(history, FAST!, "firing", quietMs)).toBe("unknown");
    const firing: AlertState = { phase: "firing", sinceMs: START };
    expect(nextState(firing, "unknown", quietMs, FAST!, 1)).toBe(firing);
    expect(conditionOf(history, FAST!, "firing", START + 90 * MINUTE_MS)).toBe("calm");
  });
});

/** 30 s of the clock at scale 300, half of the requests failing for six of them, looked at every 100 ms. */
function scaledDemo(stallMs: readonly number[], perSecond: number): AlertPhase[] {
  const history = new SloHistory(objective(0.999), 300);
  const seen: AlertPhase[] = [];
  let [state, exportedMs, exports]: [AlertState, number, number] = [INACTIVE, 0, 0];
  for (let atMs = 0; atMs < 30_000; atMs += 50) {
    if (atMs - exportedMs >= 250 + (stallMs[exports % stallMs.length] ?? 0)) {
      const served = ((atMs - exportedMs) * perSecond) / 1000;
      const share = exportedMs >= 8_000 && exportedMs < 14_000 ? 0.5 : 0;
      history.add(START + atMs, { good: served * (1 - share), bad: served * share });
      [exportedMs, exports] = [atMs, exports + 1];
    }
    if (atMs % 100 !== 0) continue;
    const next = nextState(state, conditionOf(history, FAST!, state.phase, START + atMs), START + atMs, FAST!, 300);
    if (next.phase !== state.phase) seen.push(next.phase);
    state = next;
  }
  return seen;
}

describe("a ticket", () => {
  it("is filed from two bad events on", () => {
    const history = new SloHistory(objective(0.999));
    history.add(START, { good: 0, bad: 1 });
    expect(conditionOf(history, DRAIN!, "inactive", START)).toBe("calm");
    history.add(START, { good: 0, bad: 1 });
    expect(conditionOf(history, DRAIN!, "inactive", START)).toBe("burning");
  });
});

describe("an alert's state", () => {
  const at = (phase: AlertPhase, sinceMs = START): AlertState => ({ phase, sinceMs });
  const cases: [from: AlertPhase, condition: "burning" | "calm" | "unknown", afterMs: number, to: AlertPhase][] = [
    ["inactive", "calm", 0, "inactive"],
    ["inactive", "unknown", 0, "inactive"],
    ["inactive", "burning", 0, "pending"],
    ["pending", "burning", 59 * SECOND_MS, "pending"],
    ["pending", "burning", MINUTE_MS, "firing"],
    ["pending", "unknown", MINUTE_MS, "pending"],
    ["pending", "calm", 0, "pending"],
    ["firing", "calm", 0, "firing"],
    ["resolved", "burning", 0, "pending"],
    ["resolved", "calm", 60 * MINUTE_MS, "inactive"],
  ];
  it.each(cases)("%s, %s after %d ms: %s", (from, condition, afterMs, to) => {
    expect(nextState(at(from), condition, START + afterMs, FAST!, 1).phase).toBe(to);
  });

  it.each([
    ["pending", "inactive"],
    ["firing", "resolved"],
  ] as const)("%s becomes %s only after it has looked calm for its whole short window", (from, to) => {
    const next = (state: AlertState, condition: "burning" | "calm" | "unknown", minute: number): AlertState =>
      nextState(state, condition, START + minute * MINUTE_MS, FAST!, 1);
    const calm = next(at(from), "calm", 0);
    expect(next(calm, "calm", 4).phase).toBe(from);
    expect(next(calm, "calm", 5).phase).toBe(to);
    expect(next(next(calm, "unknown", 2), "calm", 5).phase).toBe(to);
    expect(next(next({ ...calm, sinceMs: START + MINUTE_MS }, "burning", 1), "calm", 5).phase).toBe(from);
  });
});

describe("the top contributor", () => {
  const labels = (pod: string, status: string) => ({ pod, status, route: "/pay" });

  it("is the pod that makes more of the errors than of the requests", () => {
    const contributors = new Contributors(1);
    contributors.add(START, labels("a", "200"), 0, 60);
    contributors.add(START, labels("b", "200"), 0, 20);
    contributors.add(START, labels("b", "503"), 20, 20);
    const top = contributors.top(START);
    expect(top).toEqual({ dimension: "pod", value: "b", share: 1, baseline: 0.4 });
  });

  it("is the status when pods and routes fail alike", () => {
    const contributors = new Contributors(1);
    for (const pod of ["a", "b"]) {
      contributors.add(START, labels(pod, "200"), 0, 50);
      contributors.add(START, labels(pod, "503"), 10, 10);
    }
    expect(contributors.top(START)).toMatchObject({ dimension: "status", value: "503", share: 1 });
  });

  it("is nobody when nothing failed, or it was more than an hour ago", () => {
    const contributors = new Contributors(1);
    contributors.add(START, labels("a", "200"), 0, 10);
    expect(contributors.top(START)).toBeUndefined();
    contributors.add(START, labels("a", "503"), 1, 1);
    expect(contributors.top(START + 66 * MINUTE_MS)).toBeUndefined();
  });
});
