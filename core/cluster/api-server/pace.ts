import { SECOND_MS } from "../../base/clock.ts";

/** Wait after a failure: doubled each time, up to the longest. */
export const FIRST_RETRY_MS = 500;
export const LONGEST_RETRY_MS = 30 * SECOND_MS;
/** A watch that goes on for so long is sound; one that ends sooner, however it ends, is waited after as a failure is. */
const SOUND_WATCH_MS = LONGEST_RETRY_MS;

/** How long to wait before an API server is asked again. */
export interface Pace {
  /** The server has agreed to watch. */
  opened(): void;
  /** Something ended or failed. @returns milliseconds to wait: none after a sound watch */
  next(): number;
}

export function createPace(): Pace {
  let failures = 0;
  let openedMs = Number.POSITIVE_INFINITY;
  return {
    opened: () => {
      openedMs = performance.now();
    },
    next: () => {
      const isSound = performance.now() - openedMs > SOUND_WATCH_MS;
      openedMs = Number.POSITIVE_INFINITY;
      failures = isSound ? 0 : failures + 1;
      return isSound ? 0 : retryMs(failures - 1);
    },
  };
}

/** Between half and all of the doubled wait, so that replicas that lost the server together do not return together. */
function retryMs(failures: number): number {
  const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
  return full * (0.5 + Math.random() / 2);
}
