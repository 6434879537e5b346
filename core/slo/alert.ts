import { HOUR_MS, MINUTE_MS } from "../base/clock.ts";
import { burnRate, errorRatioLowerBound } from "./burn-rate.ts";
import type { SloHistory } from "./history.ts";
import type { Counts } from "./objective.ts";
import { type BurnAlert, burnFactor, type Severity } from "./windows.ts";

/** How long an alert is pending before it fires, unscaled, in milliseconds. */
export const PENDING_FOR_MS = MINUTE_MS;
/** How long a resolved alert stays visible. */
export const RESOLVED_SHOWN_MS = HOUR_MS;
/** A person must be able to see it whatever the time scale, in milliseconds of the clock. */
export const RESOLVED_SHOWN_AT_LEAST_MS = MINUTE_MS;

/**
 * How many bad events a window must hold before its ratio means anything. The confidence bound alone lets a single
 * error page: 1 of 1 has a lower bound of 0.27.
 */
export const MIN_BAD: Readonly<Record<Severity, number>> = { page: 3, ticket: 2 };
/** How many events, good or bad, a window must hold. */
export const MIN_EVENTS = 1;

export type AlertPhase = "inactive" | "pending" | "firing" | "resolved";

export interface AlertState {
  readonly phase: AlertPhase;
  readonly sinceMs: number;
  /** While pending or firing: since when it has looked calm. */
  readonly calmSinceMs?: number;
}

export const INACTIVE: AlertState = { phase: "inactive", sinceMs: 0 };

/** `unknown`: the short window saw nothing, which is neither failure nor recovery. */
export type Condition = "burning" | "calm" | "unknown";

export interface Gates {
  readonly minBad: number;
  readonly minEvents: number;
}

/** What an alert sees now. Entering is gated by evidence, staying only by the burn rate, so that it does not flap. */
export function conditionOf(history: SloHistory, alert: BurnAlert, phase: AlertPhase, nowMs: number): Condition {
  const { target, periodMs } = history.objective;
  const factor = burnFactor(alert, periodMs);
  const gates = phase === "firing" ? NO_GATES : { minBad: MIN_BAD[alert.severity], minEvents: MIN_EVENTS };
  const long = windowCondition(history.counts(nowMs, alert.longMs), target, factor, gates);
  const short = windowCondition(history.counts(nowMs, alert.shortMs), target, factor, gates);
  if (long !== "burning") return "calm";
  return short;
}

const NO_GATES: Gates | undefined = undefined;

/** One window against the threshold. `gates` absent: the burn rate alone decides. */
export function windowCondition(counts: Counts, target: number, factor: number, gates: Gates | undefined): Condition {
  const rate = burnRate(counts, target);
  if (rate === undefined) return "unknown";
  if (rate <= factor) return "calm";
  if (gates === undefined) return "burning";
  if (counts.bad < gates.minBad || counts.good + counts.bad < gates.minEvents) return "calm";
  return errorRatioLowerBound(counts) > factor * (1 - target) ? "burning" : "calm";
}

/** The next state; the same object when nothing changes. */
export function nextState(
  before: AlertState,
  condition: Condition,
  nowMs: number,
  { shortMs }: Pick<BurnAlert, "shortMs">,
  timeScale: number,
): AlertState {
  const state = notAfter(before, nowMs);
  const ageMs = (nowMs - state.sinceMs) * timeScale;
  switch (state.phase) {
    case "inactive":
      return condition === "burning" ? { phase: "pending", sinceMs: nowMs } : state;
    case "pending":
      if (condition === "burning" && ageMs >= PENDING_FOR_MS) return { phase: "firing", sinceMs: nowMs };
      return calmed(state, condition, nowMs, shortMs / timeScale, "inactive");
    case "firing":
      return calmed(state, condition, nowMs, shortMs / timeScale, "resolved");
    case "resolved":
      if (condition === "burning") return { phase: "pending", sinceMs: nowMs };
      return ageMs >= Math.max(RESOLVED_SHOWN_AT_LEAST_MS * timeScale, RESOLVED_SHOWN_MS) ? INACTIVE : state;
  }
}

/** A clock that was set back must not hold up an alert until it has caught up. */
function notAfter(state: AlertState, nowMs: number): AlertState {
  const { phase, sinceMs, calmSinceMs } = state;
  if (sinceMs <= nowMs && (calmSinceMs === undefined || calmSinceMs <= nowMs)) return state;
  const calm = calmSinceMs === undefined ? {} : { calmSinceMs: Math.min(calmSinceMs, nowMs) };
  return { phase, sinceMs: Math.min(sinceMs, nowMs), ...calm };
}

/** Leaves the phase once it has looked calm for a whole short window; not knowing neither helps nor harms. */
function calmed(state: AlertState, condition: Condition, nowMs: number, afterMs: number, to: AlertPhase): AlertState {
  const { phase, sinceMs, calmSinceMs } = state;
  if (condition === "unknown") return state;
  if (condition === "burning") return calmSinceMs === undefined ? state : { phase, sinceMs };
  if (calmSinceMs === undefined) return { ...state, calmSinceMs: nowMs };
  return nowMs - calmSinceMs >= afterMs ? { phase: to, sinceMs: nowMs } : state;
}
