import { SECOND_MS } from "../../../base/clock.ts";

/** Both forms of the header. @see RFC 9110 section 10.2.3; section 5.6.7 for dates, of which the preferred form is read */
const SECONDS = /^\d{1,9}$/;
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * How long an answer asks us to stay away.
 *
 * @param header  of Retry-After; a hostile one may hold anything
 * @returns milliseconds, not negative and not capped; `undefined` when the header says nothing that can be understood
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? "";
  if (SECONDS.test(text)) return Number(text) * SECOND_MS;
  const atMs = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
