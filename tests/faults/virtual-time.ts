/** 12:00 UTC on the day of every seeded run: the same clock on every machine. */
export const START_MS = Date.parse("2026-03-01T12:00:00Z");

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  dateNow: Date.now,
  performanceNow: performance.now,
  timeout: AbortSignal.timeout,
};

/**
 * Time that passes only when everything waits: timers, deadlines and clocks of this process, so that a run with hours of
 * time-outs takes milliseconds and is the same every time. What real threads work at counts as not waiting.
 */
export class VirtualTime {
  /** Since START_MS. */
  elapsedMs = 0;
  /** Requests that real threads are at. */
  outside = 0;
  readonly #timers = new Map<number, Timer>();
  #id = 0;

  nowMs(): number {
    return START_MS + this.elapsedMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#start(ms, resolve));
  }

  /** Works in this time until it ends; nothing that waits for more than that may be left over. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#install();
    try {
      const state = { ended: false };
      const end = () => {
        state.ended = true;
      };
      const running = work();
      running.then(end, end);
      for (;;) {
        await new Promise<void>((resolve) => void real.setImmediate(resolve));
        if (state.ended) return await running;
        if (this.outside > 0) await new Promise((resolve) => real.setTimeout(resolve, 1));
        else this.#advance();
      }
    } finally {
      this.#restore();
    }
  }

  #advance(): void {
    let next: [id: number, timer: Timer] | undefined;
    for (const entry of this.#timers) if (next === undefined || entry[1].atMs < next[1].atMs) next = entry;
    if (next === undefined) throw new Error("everything waits and nothing will come");
    const [id, { atMs, run }] = next;
    this.#timers.delete(id);
    this.elapsedMs = Math.max(this.elapsedMs, atMs);
    run();
  }

  #start(ms: number, run: () => void): number {
    const id = ++this.#id;
    this.#timers.set(id, { atMs: this.elapsedMs + Math.max(0, ms), run });
    return id;
  }

  #install(): void {
    const start = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
      const id = this.#start(ms, () => run(...args));
      return Object.assign(Object(id) as object, { id, unref: () => ({}), ref: () => ({}) });
    };
    const stop = (timer: { id?: number } | undefined) => void this.#timers.delete(timer?.id ?? 0);
    Object.assign(globalThis, { setTimeout: start, clearTimeout: stop });
    Date.now = () => this.nowMs();
    performance.now = () => this.elapsedMs;
    AbortSignal.timeout = (ms) => {
      const controller = new AbortController();
      this.#start(ms, () =>
        controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")),
      );
      return controller.signal;
    };
  }

  #restore(): void {
    Object.assign(globalThis, { setTimeout: real.setTimeout, clearTimeout: real.clearTimeout });
    Date.now = real.dateNow;
    performance.now = real.performanceNow;
    AbortSignal.timeout = real.timeout;
  }
}
