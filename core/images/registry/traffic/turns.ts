/** So many at a time, so many waiting, and the others are told at once. */
export interface Turns {
  /**
   * Waits for a turn and takes it.
   * @returns gives the turn back; call it exactly once
   * @throws {Error} `signal.reason` when the wait was given up; `full` when too many wait already
   */
  take(signal: AbortSignal, full: () => Error): Promise<() => void>;
  /** Nobody has a turn and nobody waits. */
  readonly idle: boolean;
}

export function createTurns(atOnce: number, mostWaiting: number): Turns {
  const waiting = new Set<() => void>();
  let taken = 0;
  const giveBack = () => {
    taken--;
    const [next] = waiting;
    if (next === undefined) return;
    waiting.delete(next);
    next();
  };
  const grant = () => {
    taken++;
    return giveBack;
  };
  const wait = (signal: AbortSignal) =>
    new Promise<() => void>((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener("abort", leave);
        resolve(grant());
      };
      const leave = () => {
        waiting.delete(turn);
        reject(signal.reason);
      };
      waiting.add(turn);
      signal.addEventListener("abort", leave, { once: true });
    });
  return {
    take: async (signal, full) => {
      signal.throwIfAborted();
      if (taken < atOnce) return grant();
      if (waiting.size >= mostWaiting) throw full();
      return wait(signal);
    },
    get idle() {
      return taken === 0 && waiting.size === 0;
    },
  };
}
