import type { MetricSpec } from "../core/base/metric.ts";

/**
 * A small PromQL builder over the metric catalogue. Matchers and groupings take only the metric's own labels, so a
 * panel that asks for a label nobody exports does not compile:
 *
 *     sumBy(["service"], rate(select(SIDECAR_METRICS.requests, { direction: "inbound" })))
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/basics/
 */
export interface Vector<Label extends string> {
  readonly expr: string;
  /** Labels the result still carries. */
  readonly labels: readonly Label[];
}

/** A plain selector of one metric: the only thing `rate` and `increase` may be taken of. */
export interface Selector<Label extends string> extends Vector<Label> {
  readonly metric: MetricSpec<Label>;
}

/** Equal to the text, or matching (or not matching) an anchored regular expression. */
export type Matcher = string | { readonly matches: string } | { readonly not: string };
export type Matchers<Label extends string> = { readonly [Name in Label]?: Matcher };

/** `M` with no key that is not a label, also when it came from a variable or a spread. */
export type Exactly<M, Label extends string> = M & { readonly [Name in Exclude<keyof M, Label>]: never };

/** Grafana replaces it by a range that always holds at least four scrapes. */
export const RATE_INTERVAL = "$__rate_interval";

export function select<Label extends string, M extends Matchers<NoInfer<Label>>>(
  metric: MetricSpec<Label>,
  matchers?: Exactly<M, NoInfer<Label>>,
): Selector<Label> {
  return { metric, expr: metric.name + braces(matchers ?? {}), labels: metric.labels };
}

/** Per second over `range`. */
export function rate<Label extends string>(counter: Selector<Label>, range = RATE_INTERVAL): Vector<Label> {
  return { expr: `rate(${counter.expr}[${range}])`, labels: counter.labels };
}

/** How much a counter grew over `range`. */
export function increase<Label extends string>(counter: Selector<Label>, range = RATE_INTERVAL): Vector<Label> {
  return { expr: `increase(${counter.expr}[${range}])`, labels: counter.labels };
}

type Aggregation = "sum" | "max" | "min";

function aggregate<Label extends string, By extends Label>(
  how: Aggregation,
  by: readonly By[],
  of: Vector<Label>,
): Vector<By> {
  const grouping = by.length === 0 ? "" : ` by (${by.join(", ")})`;
  return { expr: `${how}${grouping} (${of.expr})`, labels: by };
}

export function sumBy<Label extends string, const By extends Label>(by: readonly By[], of: Vector<Label>): Vector<By> {
  return aggregate("sum", by, of);
}

export function maxBy<Label extends string, const By extends Label>(by: readonly By[], of: Vector<Label>): Vector<By> {
  return aggregate("max", by, of);
}

export function minBy<Label extends string, const By extends Label>(by: readonly By[], of: Vector<Label>): Vector<By> {
  return aggregate("min", by, of);
}

/** The quantile (0.99) of a histogram, interpolated within its buckets, per group. */
export function quantileBy<Label extends string, const By extends NoInfer<Label>, M extends Matchers<NoInfer<Label>>>(
  quantile: number,
  by: readonly By[],
  histogram: MetricSpec<Label>,
  matchers?: Exactly<M, NoInfer<Label>>,
): Vector<By> {
  const buckets = `rate(${histogram.name}_bucket${braces(matchers ?? {})}[${RATE_INTERVAL}])`;
  return { expr: `histogram_quantile(${quantile}, sum by (${["le", ...by].join(", ")}) (${buckets}))`, labels: by };
}

/** a / b where both carry the same labels; no traffic gives no ratio, never NaN. */
export function ratio<Label extends string>(part: Vector<Label>, whole: Vector<NoInfer<Label>>): Vector<Label> {
  return { expr: `(${part.expr}) / (${whole.expr} > 0)`, labels: part.labels };
}

/** Only the samples above (or equal to) a number. */
export function atLeast<Label extends string>(of: Vector<Label>, bound: number): Vector<Label> {
  return { expr: `${of.expr} >= ${bound}`, labels: of.labels };
}

/** The largest `count` series. */
export function topk<Label extends string>(count: number, of: Vector<Label>): Vector<Label> {
  return { expr: `topk(${count}, ${of.expr})`, labels: of.labels };
}

/** `part` where it exists, else 0 with the labels of `whole`: a service that never failed has an error rate of 0. */
export function orZero<Label extends string>(part: Vector<Label>, whole: Vector<NoInfer<Label>>): Vector<Label> {
  return { expr: `${part.expr} or 0 * ${whole.expr}`, labels: part.labels };
}

function braces(matchers: Readonly<Record<string, Matcher | undefined>>): string {
  const parts = Object.entries(matchers).flatMap(([label, matcher]) =>
    matcher === undefined ? [] : [term(label, matcher)],
  );
  return parts.length === 0 ? "" : `{${parts.join(", ")}}`;
}

function term(label: string, matcher: Matcher): string {
  if (typeof matcher === "string") return `${label}=${JSON.stringify(matcher)}`;
  if ("matches" in matcher) return `${label}=~${JSON.stringify(matcher.matches)}`;
  return `${label}!~${JSON.stringify(matcher.not)}`;
}
