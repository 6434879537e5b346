import { DAY_MS, HOUR_MS, MINUTE_MS } from "../base/clock.ts";
import { budgetRemaining, burnRate, timeToExhaustionMs } from "./burn-rate.ts";
import type { Counts, Objective } from "./objective.ts";
import { IncrementRing, type SliceRecord } from "./ring.ts";

/** What is kept: minutes for the alerts' windows, hours for the period. */
export const HISTORY_TIERS = {
  fine: { sliceMs: MINUTE_MS, keepMs: 3 * DAY_MS },
  coarse: { sliceMs: HOUR_MS, keepMs: 35 * DAY_MS },
} as const;

/** Longest period that history covers, in milliseconds. */
export const LONGEST_PERIOD_MS = HISTORY_TIERS.coarse.keepMs;
/** Most points of a burn-down line. */
export const BURN_DOWN_POINTS = 300;

export interface HistorySnapshot {
  /** When the first event ever came; `null` before. */
  readonly firstMs: number | null;
  readonly fine: readonly SliceRecord[];
  readonly coarse: readonly SliceRecord[];
}

/**
 * The events of one objective over time. Every duration given and returned is unscaled ("1h" is an hour) except
 * points in time and `exhaustedInMs`, which are the clock's; `timeScale` divides every window.
 */
export class SloHistory {
  readonly objective: Objective;
  readonly timeScale: number;
  readonly #fine: IncrementRing;
  readonly #coarse: IncrementRing;
  #firstMs: number | undefined;

  constructor(objective: Objective, timeScale = 1) {
    this.objective = objective;
    this.timeScale = timeScale;
    this.#fine = ringOf(HISTORY_TIERS.fine, timeScale);
    this.#coarse = ringOf(HISTORY_TIERS.coarse, timeScale);
  }

  add(nowMs: number, increment: Counts): void {
    this.#firstMs ??= nowMs;
    this.#fine.add(nowMs, increment);
    this.#coarse.add(nowMs, increment);
  }

  counts(nowMs: number, windowMs: number): Counts {
    return this.#ring(windowMs).counts(nowMs, windowMs / this.timeScale);
  }

  burnRate(nowMs: number, windowMs: number): number | undefined {
    return burnRate(this.counts(nowMs, windowMs), this.objective.target);
  }

  /** Events of the whole period. */
  period(nowMs: number): Counts {
    return this.counts(nowMs, this.objective.periodMs);
  }

  /** Over the period; `undefined` when it saw no events. */
  budgetRemaining(nowMs: number): number | undefined {
    return budgetRemaining(this.period(nowMs), this.objective.target, this.#observedShare(nowMs));
  }

  /** Share of the period's slices that saw any event. */
  coverage(nowMs: number): number {
    const { periodMs } = this.objective;
    return this.#ring(periodMs).coverage(nowMs, periodMs / this.timeScale);
  }

  /** Milliseconds of the clock until the budget is spent, when the burn of this window goes on. */
  exhaustedInMs(nowMs: number, windowMs: number): number | undefined {
    const periodMs = this.objective.periodMs / this.timeScale;
    return timeToExhaustionMs(this.budgetRemaining(nowMs), this.burnRate(nowMs, windowMs), periodMs);
  }

  /** Budget remaining over the time there is data for, at most one period, oldest first. */
  burnDown(nowMs: number, points = BURN_DOWN_POINTS): { atMs: number; remaining: number }[] {
    const firstMs = this.#firstMs;
    if (firstMs === undefined) return [];
    const fromMs = Math.max(firstMs, nowMs - this.objective.periodMs / this.timeScale);
    const stepMs = Math.max(this.#fine.sliceMs, (nowMs - fromMs) / points);
    const out: { atMs: number; remaining: number }[] = [];
    for (let atMs = fromMs + stepMs; atMs <= nowMs && out.length < points; atMs += stepMs) {
      out.push({ atMs: Math.round(atMs), remaining: this.#remainingAt(Math.min(atMs, nowMs), nowMs) });
    }
    return out;
  }

  snapshot(): HistorySnapshot {
    return { firstMs: this.#firstMs ?? null, fine: this.#fine.records(), coarse: this.#coarse.records() };
  }

  restore(snapshot: HistorySnapshot): void {
    this.#firstMs = snapshot.firstMs ?? undefined;
    this.#fine.restore(snapshot.fine);
    this.#coarse.restore(snapshot.coarse);
  }

  /** The events up to a past moment are those of the period less those since; what has left the period is forgotten. */
  #remainingAt(atMs: number, nowMs: number): number {
    const sinceMs = (nowMs - atMs) * this.timeScale;
    const all = this.period(nowMs);
    const since = sinceMs < this.#fine.sliceMs ? { good: 0, bad: 0 } : this.counts(nowMs, sinceMs);
    const until = { good: Math.max(0, all.good - since.good), bad: Math.max(0, all.bad - since.bad) };
    return budgetRemaining(until, this.objective.target, this.#observedShare(atMs)) ?? 1;
  }

  #observedShare(atMs: number): number {
    const observedMs = Math.max(0, atMs - (this.#firstMs ?? atMs));
    return Math.min(1, (observedMs * this.timeScale) / this.objective.periodMs);
  }

  #ring(windowMs: number): IncrementRing {
    return windowMs <= HISTORY_TIERS.fine.keepMs ? this.#fine : this.#coarse;
  }
}

function ringOf({ sliceMs, keepMs }: { sliceMs: number; keepMs: number }, timeScale: number): IncrementRing {
  return new IncrementRing(sliceMs / timeScale, keepMs / sliceMs + 2);
}
