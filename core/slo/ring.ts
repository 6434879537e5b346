import type { Counts } from "./objective.ts";

/** The events of one slice, as a snapshot keeps them: [slice index, good, bad]. */
export type SliceRecord = readonly [index: number, good: number, bad: number];

/** A clock set back by more slices than this is taken at its word: the ring goes back with it. */
export const LARGEST_STEP_BACK = 5;

/** Window lengths that are whole slices up to this share of one count as whole. */
const ROUNDING = 1e-6;

/**
 * The last `length` slices of time, each with its good and bad events, kept as running sums: a window's counts are
 * one subtraction, whatever its length. Slices are aligned to the epoch; the current, unfinished one belongs to
 * every window.
 */
export class IncrementRing {
  readonly sliceMs: number;
  readonly #length: number;
  readonly #good: Float64Array;
  readonly #bad: Float64Array;
  /** Running number of slices that saw events. */
  readonly #active: Float64Array;
  #first = 0;
  #last = -1;
  #lastActive = -1;

  constructor(sliceMs: number, length: number) {
    this.sliceMs = sliceMs;
    this.#length = length;
    this.#good = new Float64Array(length);
    this.#bad = new Float64Array(length);
    this.#active = new Float64Array(length);
  }

  /** Per increment; allocates nothing. A little time that runs backwards lands in the newest slice. */
  add(nowMs: number, { good, bad }: Counts): void {
    const wanted = Math.floor(nowMs / this.sliceMs);
    if (this.#last - wanted > LARGEST_STEP_BACK) this.#goBack(wanted);
    const index = Math.max(this.#last, wanted);
    if (this.#last < 0) this.#first = index;
    this.#advance(index);
    const slot = index % this.#length;
    this.#good[slot]! += good;
    this.#bad[slot]! += bad;
    if (index !== this.#lastActive) this.#active[slot]! += 1;
    this.#lastActive = index;
  }

  /** Events of the window that ends now. A window longer than the ring is cut to it. */
  counts(nowMs: number, windowMs: number): Counts {
    const [from, to] = this.#bounds(nowMs, windowMs);
    return {
      good: this.#at(this.#good, to) - this.#at(this.#good, from),
      bad: this.#at(this.#bad, to) - this.#at(this.#bad, from),
    };
  }

  /** Share of the window's slices that saw events. */
  coverage(nowMs: number, windowMs: number): number {
    const [from, to] = this.#bounds(nowMs, windowMs);
    return (this.#at(this.#active, to) - this.#at(this.#active, from)) / this.#slices(windowMs);
  }

  /** Slices with events, oldest first; `restore` in a new ring gives the same answers. */
  records(): SliceRecord[] {
    const out: SliceRecord[] = [];
    for (let index = Math.max(this.#first, this.#last - this.#length + 2); index <= this.#last; index++) {
      const good = this.#at(this.#good, index) - this.#at(this.#good, index - 1);
      const bad = this.#at(this.#bad, index) - this.#at(this.#bad, index - 1);
      if (good !== 0 || bad !== 0) out.push([index, good, bad]);
    }
    return out;
  }

  restore(records: readonly SliceRecord[]): void {
    for (const [index, good, bad] of records) this.add((index + 0.5) * this.sliceMs, { good, bad });
  }

  /** What was dated later than now happened by now; else windows would not slide until the clock has caught up. */
  #goBack(index: number): void {
    const records = this.records();
    for (const sums of [this.#good, this.#bad, this.#active]) sums.fill(0);
    this.#last = -1;
    this.#lastActive = -1;
    this.restore(records.map(([dated, good, bad]) => [Math.min(dated, index), good, bad]));
  }

  #slices(windowMs: number): number {
    return Math.min(this.#length - 1, Math.max(1, Math.ceil(windowMs / this.sliceMs - ROUNDING)));
  }

  #bounds(nowMs: number, windowMs: number): [from: number, to: number] {
    const to = Math.max(this.#last, Math.floor(nowMs / this.sliceMs));
    return [to - this.#slices(windowMs), to];
  }

  /** The running sum at the end of a slice: nothing before the first, the newest after the last. */
  #at(sums: Float64Array, index: number): number {
    if (this.#last < 0 || index < this.#first) return 0;
    if (index > this.#last) index = this.#last;
    return sums[Math.max(index, this.#last - this.#length + 1) % this.#length] as number;
  }

  #advance(index: number): void {
    if (this.#last >= 0) {
      const from = Math.max(this.#last + 1, index - this.#length + 1);
      for (let next = from; next <= index; next++) this.#carry(next);
    }
    this.#last = index;
  }

  #carry(index: number): void {
    const [slot, before] = [index % this.#length, this.#last % this.#length];
    this.#good[slot] = this.#good[before] as number;
    this.#bad[slot] = this.#bad[before] as number;
    this.#active[slot] = this.#active[before] as number;
  }
}
