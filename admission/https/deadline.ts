import { SECOND_MS } from "../../core/base/clock.ts";

/** The API server's time-out when it names none, the longest it may name, and what the answer itself takes. */
export const DEFAULT_TIMEOUT_MS = 10 * SECOND_MS;
export const LONGEST_TIMEOUT_MS = 30 * SECOND_MS;
export const ANSWER_RESERVE_MS = 500;
/** Shortest time a review gets, however short the time-out. */
export const SHORTEST_DEADLINE_MS = 100;

/** Time for one review, its reading included: the API server's `?timeout=`, less what the answer takes. */
export function deadlineOf(timeout: unknown): number {
  const asked = typeof timeout === "string" ? parseGoDuration(timeout) : undefined;
  const timeoutMs = Math.min(asked ?? DEFAULT_TIMEOUT_MS, LONGEST_TIMEOUT_MS);
  return Math.max(SHORTEST_DEADLINE_MS, timeoutMs - ANSWER_RESERVE_MS);
}

const GO_UNITS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** "10s", "1m30s", "500ms" as milliseconds; `undefined` for anything else. @see Go's time.ParseDuration */
export function parseGoDuration(text: string): number | undefined {
  if (!/^(\d{1,6}(\.\d{1,6})?(ms|h|m|s)){1,4}$/.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * GO_UNITS[unit as keyof typeof GO_UNITS], 0);
}
