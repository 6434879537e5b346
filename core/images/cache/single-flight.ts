import { SECOND_MS } from "../../base/clock.ts";
import { CodedError } from "../../base/errors.ts";
import { EVIDENCE_CACHE_ERRORS } from "./errors.ts";

/** Look-ups under way at one time, each up to its own deadline whoever still waits for it; more are refused. */
export const LOOK_UPS_LIMIT = 256;
/** A look-up older than this, in milliseconds, is joined by nobody: its connection may hang while a new one would not. */
export const JOIN_LIMIT_MS = 2 * SECOND_MS;

/** One work at a time per key; whoever comes meanwhile gets the same promise. */
export interface SingleFlight<T> {
  /** @throws {CodedError} EVIDENCE_BUSY (as a rejection) */
  run(key: string, work: () => Promise<T>): Promise<T>;
}

export function singleFlight<T>(limit: number = LOOK_UPS_LIMIT): SingleFlight<T> {
  const underWay = new Map<string, { readonly running: Promise<T>; readonly sinceMs: number }>();
  let count = 0;
  return {
    run: (key, work) => {
      const before = underWay.get(key);
      const nowMs = performance.now();
      if (before !== undefined && nowMs - before.sinceMs < JOIN_LIMIT_MS) return before.running;
      if (count >= limit) return Promise.reject(busy(key, limit));
      count++;
      const running = work().finally(() => {
        count--;
        if (underWay.get(key)?.running === running) underWay.delete(key);
      });
      underWay.set(key, { running, sinceMs: nowMs });
      return running;
    },
  };
}

function busy(key: string, limit: number): CodedError {
  const { fix } = EVIDENCE_CACHE_ERRORS.EVIDENCE_BUSY;
  return new CodedError("EVIDENCE_BUSY", `${key.split(" ")[0]}: ${limit} look-ups are under way already`, fix);
}
