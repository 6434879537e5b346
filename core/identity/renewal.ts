import { MINUTE_MS } from "../base/clock.ts";

/** Renewal falls in 50–70 % of a certificate's life, either end moved outwards by a tenth of itself as jitter. */
const EARLIEST_SHARE = 0.5 * 0.9;
const LATEST_SHARE = 0.7 * 1.1;
/** First and longest wait after a failed request, in milliseconds. */
export const FIRST_BACK_OFF_MS = 200;
export const LONGEST_BACK_OFF_MS = MINUTE_MS;

/**
 * How long to wait before renewing: a uniform point of that part of what is left of its life, so that a
 * thousand pods that started together do not ask together.
 *
 * @param random  uniform in [0, 1)
 */
export function renewalDelayMs(certificate: { readonly notAfterMs: number }, nowMs: number, random: number): number {
  const lifeMs = Math.max(0, certificate.notAfterMs - nowMs);
  return lifeMs * (EARLIEST_SHARE + (LATEST_SHARE - EARLIEST_SHARE) * random);
}

/** Doubles from 200 ms to a minute; "full jitter" above half of it. */
export function backOffMs(failures: number, random: number): number {
  const ceilingMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** Math.min(failures, 20));
  return ceilingMs * (0.5 + random / 2);
}
