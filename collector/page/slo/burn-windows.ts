import type { SloView } from "../../overview.ts";

/**
 * The windows of the burn-rate alerts, for the table's columns. The engine's own table is core/slo/windows.ts; this
 * copy keeps its configuration reader out of the browser, and a test holds the two equal.
 */
export const WINDOWS = [
  { window: "5m", alerts: [{ severity: "page", budgetShare: 0.02, longHours: 1 }] },
  { window: "30m", alerts: [{ severity: "page", budgetShare: 0.05, longHours: 6 }] },
  { window: "1h", alerts: [{ severity: "page", budgetShare: 0.02, longHours: 1 }] },
  { window: "2h", alerts: [{ severity: "ticket", budgetShare: 0.1, longHours: 24 }] },
  {
    window: "6h",
    alerts: [
      { severity: "page", budgetShare: 0.05, longHours: 6 },
      { severity: "ticket", budgetShare: 0.1, longHours: 72 },
    ],
  },
  { window: "1d", alerts: [{ severity: "ticket", budgetShare: 0.1, longHours: 24 }] },
  { window: "3d", alerts: [{ severity: "ticket", budgetShare: 0.1, longHours: 72 }] },
] as const;

export type BurnWindow = (typeof WINDOWS)[number];

export interface Threshold {
  readonly severity: "page" | "ticket";
  readonly factor: number;
}

const HOUR_MS = 3_600_000;

/** At which burn rates alerts that look at this window fire, lowest first. */
export function thresholdsOf({ alerts }: BurnWindow, { periodMs }: Pick<SloView, "periodMs">): Threshold[] {
  return alerts
    .map(({ severity, budgetShare, longHours }) => {
      return { severity, factor: (budgetShare * periodMs) / (longHours * HOUR_MS) };
    })
    .toSorted((a, b) => a.factor - b.factor);
}

/** The worst alert whose threshold the rate passes; `undefined` when calm or without events. */
export function passed(rate: number | null | undefined, thresholds: readonly Threshold[]): Threshold | undefined {
  if (rate === null || rate === undefined) return undefined;
  return thresholds.findLast(({ factor }) => rate > factor);
}
