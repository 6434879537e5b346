import type { Counts } from "./objective.ts";

/**
 * How many times faster than "exactly on budget" a service is failing:
 *
 *     burn rate = (bad / total) / (1 - target)
 *
 * @param target  target share of good events, a ratio: 0.999, never 99.9
 * @returns a plain number. 1 spends the whole budget in exactly one period; 14.4 spends a 30-day budget in 50 hours.
 *   `undefined` when the window saw no events, because no traffic is not the same as no errors.
 * @throws {RangeError} on counts or targets outside their ranges: a caller's bug, never bad telemetry
 * @see Google SRE workbook, "Alerting on SLOs", table 5-8
 */
export function burnRate({ good, bad }: Counts, target: number): number | undefined {
  checkTarget(target);
  if (!(good >= 0 && bad >= 0)) throw new RangeError(`counts must not be negative, found good ${good}, bad ${bad}`);
  const total = good + bad;
  return total === 0 ? undefined : bad / total / (1 - target);
}

/**
 * The share of the error budget that is left: 1 untouched, 0 spent, negative when overspent. Counted in events, so
 * that a quiet night weighs what it is: a few requests.
 *
 * @param observedShare  how much of the period there is data for, a ratio: the rest of a young period counts as
 *   unspent at the traffic seen so far, or the first error of a new service would spend a month's budget
 * @returns `undefined` when the period saw no events
 */
export function budgetRemaining(period: Counts, target: number, observedShare = 1): number | undefined {
  const rate = burnRate(period, target);
  return rate === undefined ? undefined : 1 - rate * observedShare;
}

/** z of the one-sided 95 % bound. */
export const CONFIDENCE_Z = 1.645;

/**
 * The error ratio that the true one exceeds with 95 % confidence (Wilson score, lower bound): what few events can
 * prove. 1 bad of 1 gives 0.27.
 *
 * @returns a ratio; 0 when there were no events
 * @see Wilson 1927, "Probable inference, the law of succession, and statistical inference"
 */
export function errorRatioLowerBound({ good, bad }: Counts): number {
  const total = good + bad;
  if (total === 0) return 0;
  const ratio = bad / total;
  const z2 = CONFIDENCE_Z * CONFIDENCE_Z;
  const spread = CONFIDENCE_Z * Math.sqrt((ratio * (1 - ratio)) / total + z2 / (4 * total * total));
  return Math.max(0, (ratio + z2 / (2 * total) - spread) / (1 + z2 / total));
}

/**
 * Milliseconds until the budget is spent when the burn goes on.
 *
 * @param remaining  share of the budget that is left, as `budgetRemaining` gives it
 * @param rate  the burn rate that is assumed to go on
 * @returns 0 when it is spent already; `undefined` when nothing burns, or it outlasts the period
 */
export function timeToExhaustionMs(
  remaining: number | undefined,
  rate: number | undefined,
  periodMs: number,
): number | undefined {
  if (remaining === undefined || rate === undefined || rate <= 0) return undefined;
  const leftMs = (Math.max(0, remaining) * periodMs) / rate;
  return leftMs > periodMs ? undefined : leftMs;
}

function checkTarget(target: number): void {
  if (!(target > 0 && target < 1)) throw new RangeError(`target must be a ratio between 0 and 1, found ${target}`);
}
