import { DAY_MS, HOUR_MS, MINUTE_MS } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";

export type Severity = "page" | "ticket";

/** One alert: both windows must burn. The long one says it matters, the short one that it still goes on. */
export interface BurnAlert {
  readonly alert: string;
  readonly severity: Severity;
  readonly longMs: number;
  readonly shortMs: number;
  /** Share of the period's budget that is gone when the long window burned at the threshold throughout. */
  readonly budgetShare: number;
}

/**
 * The recommended parameters for multi-window, multi-burn-rate alerts.
 * @see Google SRE workbook, chapter 5 "Alerting on SLOs", table 5-8
 */
export const BURN_ALERTS: readonly BurnAlert[] = [
  { alert: "fast-burn 1h/5m", severity: "page", longMs: HOUR_MS, shortMs: 5 * MINUTE_MS, budgetShare: 0.02 },
  { alert: "slow-burn 6h/30m", severity: "page", longMs: 6 * HOUR_MS, shortMs: 30 * MINUTE_MS, budgetShare: 0.05 },
  { alert: "drain 1d/2h", severity: "ticket", longMs: DAY_MS, shortMs: 2 * HOUR_MS, budgetShare: 0.1 },
  { alert: "drain 3d/6h", severity: "ticket", longMs: 3 * DAY_MS, shortMs: 6 * HOUR_MS, budgetShare: 0.1 },
];

/** Every window that an alert looks at, shortest first: 5m 30m 1h 2h 6h 1d 3d. */
export const BURN_WINDOWS_MS: readonly number[] = [
  ...new Set(BURN_ALERTS.flatMap(({ longMs, shortMs }) => [longMs, shortMs])),
].toSorted((a, b) => a - b);

/** "5m", "1h", "3d": what metrics, the page and alerts call a window, whatever the time scale. */
export function windowName(windowMs: number): string {
  return formatDuration(windowMs);
}

/**
 * The burn rate at which an alert fires:
 *
 *     factor = budget share × period / long window
 *
 * @returns 14.4, 6, 3 and 1 for the four alerts over 30 days
 */
export function burnFactor(alert: BurnAlert, periodMs: number): number {
  return (alert.budgetShare * periodMs) / alert.longMs;
}

/** True when even a total outage burns slower than the alert's factor, so that it can never fire. */
export function isUnreachable(alert: BurnAlert, periodMs: number, target: number): boolean {
  return burnFactor(alert, periodMs) * (1 - target) >= 1;
}
