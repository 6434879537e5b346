import { SECOND_MS } from "../../base/clock.ts";
import { CodedError } from "../../base/errors.ts";
import { EVIDENCE_CACHE_ERRORS } from "./errors.ts";

/** Look-ups under way at one time, each up to its own deadline whoever still waits for it; more are refused. */
export const LOOK_UPS_LIMIT = 256;
/** Of those, at one registry: one that hangs must leave room for the look-ups at others. */
export const LOOK_UPS_PER_REGISTRY = 192;
/** A look-up older than this, in milliseconds, is joined by nobody: its connection may hang while a new one would not. */
export const JOIN_LIMIT_MS = 2 * SECOND_MS;

/** One work at a time per key; whoever comes meanwhile gets the same promise. */
export interface SingleFlight<T> {
  /**
   * @param key  begins with the registry's host and a slash
   * @throws {CodedError} EVIDENCE_BUSY (as a rejection)
   */
  run(key: string, work: () => Promise<T>): Promise<T>;
}

export function singleFlight<T>(limit: number = LOOK_UPS_LIMIT): SingleFlight<T> {
  const underWay = new Map<string, { readonly running: Promise<T>; readonly sinceMs: number }>();
  const places = createPlaces(limit);
  return {
    run: (key, work) => {
      const before = underWay.get(key);
      const nowMs = performance.now();
      if (before !== undefined && nowMs - before.sinceMs < JOIN_LIMIT_MS) return before.running;
      const giveBack = places.take(key.slice(0, key.indexOf("/")));
      if (giveBack === undefined) return Promise.reject(busy(key));
      const running = work().finally(() => {
        giveBack();
        if (underWay.get(key)?.running === running) underWay.delete(key);
      });
      underWay.set(key, { running, sinceMs: nowMs });
      return running;
    },
  };
}

/** So many places, of which one registry gets most but not all. */
function createPlaces(limit: number): { take(registry: string): (() => void) | undefined } {
  const taken = new Map<string, number>();
  let all = 0;
  const add = (registry: string, change: 1 | -1) => {
    all += change;
    const now = (taken.get(registry) ?? 0) + change;
    if (now === 0) taken.delete(registry);
    else taken.set(registry, now);
  };
  return {
    take: (registry) => {
      if (all >= limit || (taken.get(registry) ?? 0) >= LOOK_UPS_PER_REGISTRY) return undefined;
      add(registry, 1);
      return () => add(registry, -1);
    },
  };
}

function busy(key: string): CodedError {
  const { fix } = EVIDENCE_CACHE_ERRORS.EVIDENCE_BUSY;
  return new CodedError("EVIDENCE_BUSY", `${key.split(" ")[0]}: too many look-ups are under way already`, fix);
}
