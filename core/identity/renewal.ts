import { MINUTE_MS } from "../base/clock.ts";

/** Renewal falls in this part of a certificate's life, then is moved by the jitter. */
const EARLIEST_SHARE = 0.5;
const LATEST_SHARE = 0.7;
const JITTER = 0.1;
/** First and longest wait after a failed request, in milliseconds. */
export const FIRST_BACK_OFF_MS = 200;
export const LONGEST_BACK_OFF_MS = MINUTE_MS;

/**
 * How long to wait before renewing: 50–70 % of what is left of a fresh certificate's life, ±10 % of it, so that a
 * thousand pods that started together do not ask together.
 *
 * @param random  uniform in [0, 1)
 */
export function renewalDelayMs(certificate: { readonly notAfterMs: number }, nowMs: number, random: number): number {
  const lifeMs = Math.max(0, certificate.notAfterMs - nowMs);
  const share = EARLIEST_SHARE + (LATEST_SHARE - EARLIEST_SHARE) * random;
  const jitter = 1 + JITTER * (2 * ((random * 997) % 1) - 1);
  return lifeMs * share * jitter;
}

/** Doubles from 200 ms to a minute; "full jitter" above half of it. */
export function backOffMs(failures: number, random: number): number {
  const ceilingMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** Math.min(failures, 20));
  return ceilingMs * (0.5 + random / 2);
}
