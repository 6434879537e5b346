import { SWEEP_MS } from "../limits.ts";

/** Something with a deadline. */
export interface Swept {
  /** @param nowMs  monotonic milliseconds */
  sweep(nowMs: number): void;
}

/**
 * One coarse timer for all deadlines: the hot path writes a number instead of arming a timer.
 * `nowMs` is the monotonic time of the last look, exact to SWEEP_MS.
 */
export class Sweeper {
  nowMs = performance.now();
  readonly #swept = new Set<Swept>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  add(swept: Swept): void {
    this.#swept.add(swept);
  }

  remove(swept: Swept): void {
    this.#swept.delete(swept);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    this.nowMs = performance.now();
    for (const swept of this.#swept) swept.sweep(this.nowMs);
  }
}
