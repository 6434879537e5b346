/** What is promised of a service: read from OpenSLO files and Service annotations alike. */
export interface Objective {
  /** Unique name: "payments-availability". */
  readonly slo: string;
  readonly namespace: string;
  readonly service: string;
  /** Target share of good events, a ratio strictly between 0 and 1: 0.999, never 99.9. */
  readonly target: number;
  /** Rolling window the budget is for, in milliseconds: 30 days. */
  readonly periodMs: number;
  readonly indicator: Indicator;
  /** Where it was written: "slo/payments.yaml", "Service shop/payments annotation". */
  readonly source: string;
}

/** Label name to anchored regular expression, as Prometheus' =~ matches. */
export type LabelPatterns = Readonly<Record<string, string>>;

/** How events are told good from bad. Each yields additive increments of good and bad events. */
export type Indicator =
  | {
      readonly kind: "ratio";
      /** A counter. */
      readonly metric: string;
      readonly total: LabelPatterns;
      /** Which of the total are good, or which are bad. */
      readonly part: { readonly result: "good" | "bad"; readonly labels: LabelPatterns };
    }
  | {
      readonly kind: "latency";
      /** A histogram of seconds. */
      readonly metric: string;
      readonly total: LabelPatterns;
      /** Good is at or below this. */
      readonly thresholdSeconds: number;
    };

/** Events of a window or a period. Counts may be fractional: latency thresholds cut through histogram buckets. */
export interface Counts {
  readonly good: number;
  readonly bad: number;
}

export const NO_EVENTS: Counts = { good: 0, bad: 0 };

/** Longest label pattern, in UTF-16 units. */
export const PATTERN_LIMIT = 500;

/** A test of label sets. Called once per series, not per increment. @throws {SyntaxError} on a broken pattern */
export function compilePatterns(patterns: LabelPatterns): (labels: Readonly<Record<string, string>>) => boolean {
  const compiled = Object.entries(patterns).map(([name, pattern]) => [name, new RegExp(`^(?:${pattern})$`)] as const);
  return (labels) => compiled.every(([name, pattern]) => pattern.test(labels[name] ?? ""));
}
