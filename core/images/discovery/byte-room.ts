import { EVIDENCE_IN_FLIGHT_BYTES, EVIDENCE_UNCOUNTED_BYTES } from "../limits.ts";

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/** Memory for evidence that was read and is not verified yet, of all images together. */
export class ByteRoom {
  readonly #limitBytes: number;
  readonly #waiting = new Set<Waiting>();
  #left: number;

  constructor(limitBytes: number = EVIDENCE_IN_FLIGHT_BYTES) {
    this.#limitBytes = limitBytes;
    this.#left = limitBytes;
  }

  /**
   * Waits in line until there is room. What is small never waits: a flood of large evidence holds up large evidence only.
   * @returns gives the room back; call it exactly once
   * @throws {Error} `signal.reason` when the wait was given up
   */
  async take(wanted: number, signal: AbortSignal): Promise<() => void> {
    if (wanted <= EVIDENCE_UNCOUNTED_BYTES) return () => {};
    signal.throwIfAborted();
    const bytes = Math.min(wanted, this.#limitBytes);
    return this.#waiting.size === 0 && bytes <= this.#left ? this.#hold(bytes) : this.#wait(bytes, signal);
  }

  #hold(bytes: number): () => void {
    this.#left -= bytes;
    return () => {
      this.#left += bytes;
      this.#admit();
    };
  }

  #wait(bytes: number, signal: AbortSignal): Promise<() => void> {
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const enter = () => {
      signal.removeEventListener("abort", leave);
      resolve(this.#hold(bytes));
    };
    const one = { bytes, enter };
    const leave = () => {
      this.#waiting.delete(one);
      reject(signal.reason);
      this.#admit();
    };
    this.#waiting.add(one);
    signal.addEventListener("abort", leave, { once: true });
    return promise;
  }

  /** First in line, first served, so that what is large does not starve. */
  #admit(): void {
    for (const one of this.#waiting) {
      if (one.bytes > this.#left) return;
      this.#waiting.delete(one);
      one.enter();
    }
  }
}
