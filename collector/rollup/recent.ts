import { SECOND_MS } from "../../core/base/clock.ts";
import { type Cell, countAtOrBelow, quantile } from "./histogram.ts";

/** What "now" means on the service map: the last ten whole or partial seconds. */
export const RECENT_SECONDS = 10;

/** A rate over the last ten seconds. Allocates nothing per call. */
export class RecentCount {
  readonly #counts = new Float64Array(RECENT_SECONDS);
  readonly #seconds = new Float64Array(RECENT_SECONDS).fill(-1);
  #first = -1;

  add(nowMs: number, count: number): void {
    const second = Math.floor(nowMs / SECOND_MS);
    const slot = second % RECENT_SECONDS;
    if (this.#first < 0) this.#first = nowMs;
    if (this.#seconds[slot] !== second) this.#counts[slot] = 0;
    this.#seconds[slot] = second;
    this.#counts[slot]! += count;
  }

  perSecond(nowMs: number): number {
    if (this.#first < 0) return 0;
    const oldest = Math.floor(nowMs / SECOND_MS) - RECENT_SECONDS + 1;
    let sum = 0;
    for (let slot = 0; slot < RECENT_SECONDS; slot++) {
      if ((this.#seconds[slot] as number) >= oldest) sum += this.#counts[slot] as number;
    }
    const spanMs = nowMs - Math.max(this.#first, oldest * SECOND_MS);
    return sum / Math.max(1, spanMs / SECOND_MS);
  }
}

/** How long durations count as recent, in milliseconds: between one and two of these. */
export const QUANTILE_GENERATION_MS = 30 * SECOND_MS;

/** Upper bounds in seconds, about 9 % apart from 0.1 ms to 100 s. */
const FINE_BOUNDS: readonly number[] = Array.from({ length: 160 }, (_, index) => 0.0001 * 2 ** (index / 8));

/** Quantiles of recent durations, within the width of a bucket (9 %). */
export class RecentQuantiles {
  #current = new Float64Array(FINE_BOUNDS.length);
  #previous = new Float64Array(FINE_BOUNDS.length);
  #generation = -1;

  /** Per histogram increment; costs cells × bounds. */
  add(nowMs: number, cells: readonly Cell[]): void {
    this.#turn(nowMs);
    for (const [index, bound] of FINE_BOUNDS.entries()) this.#current[index]! += countAtOrBelow(cells, bound);
  }

  /** In milliseconds; `null` when nothing finished recently. */
  quantileMs(nowMs: number, share: number): number | null {
    this.#turn(nowMs);
    const cumulative = Array.from(this.#current, (count, index) => count + (this.#previous[index] as number));
    const seconds = quantile(FINE_BOUNDS, cumulative, share);
    return seconds === null ? null : seconds * SECOND_MS;
  }

  #turn(nowMs: number): void {
    const generation = Math.floor(nowMs / QUANTILE_GENERATION_MS);
    if (generation === this.#generation) return;
    this.#previous = generation === this.#generation + 1 ? this.#current : new Float64Array(FINE_BOUNDS.length);
    this.#current = new Float64Array(FINE_BOUNDS.length);
    this.#generation = generation;
  }
}
