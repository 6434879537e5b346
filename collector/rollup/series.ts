import type { Attributes, ReceivedMetric, Resource } from "../../core/wire/otlp-model.ts";
import { labelName, metricName } from "./names.ts";

/** Series of one metric; the label sets beyond it share one overflow series, so that totals stay exact. */
export const SERIES_PER_METRIC_LIMIT = 5_000;
/** Different metrics; points of further ones are rejected and counted. */
export const METRIC_LIMIT = 2_000;
/** Longest label value, in UTF-16 units; longer ones are cut. */
export const LABEL_VALUE_LIMIT = 256;
/** @see metrics SDK specification, "Overflow attribute" */
export const OVERFLOW_LABELS: Labels = { otel_metric_overflow: "true" };

export type Labels = Readonly<Record<string, string>>;
export type FamilyType = "counter" | "gauge" | "histogram";

/** All series of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  /** Upper bounds of histogram buckets; empty otherwise. */
  readonly bounds: readonly number[];
  readonly series: Map<string, Series>;
}

export interface Series {
  readonly family: Family;
  readonly labels: Labels;
  /** Counter total, gauge value, or number of observations. */
  value: number;
  /** Of histograms: sum of observations, and how many lie at or below each bound. */
  sum: number;
  readonly buckets: number[];
  seenMs: number;
}

/** The family a metric belongs to; `undefined` when its name is taken by another type, or there are too many. */
export function familyOf(
  families: Map<string, Family>,
  metric: ReceivedMetric,
  bounds: readonly number[],
): Family | undefined {
  const type = typeOf(metric);
  const name = metricName(metric.name, metric.unit, type);
  const known = families.get(name);
  if (known !== undefined) return known.type === type ? known : undefined;
  if (families.size >= METRIC_LIMIT) return undefined;
  const help = metric.help === "" ? `${metric.name}, as received over OTLP.` : metric.help;
  const family: Family = { name, help, type, bounds: boundsOf(metric, bounds), series: new Map() };
  families.set(name, family);
  return family;
}

function typeOf(metric: ReceivedMetric): FamilyType {
  if (metric.kind === "gauge") return "gauge";
  if (metric.kind === "sum") return metric.monotonic ? "counter" : "gauge";
  return "histogram";
}

function boundsOf(metric: ReceivedMetric, fallback: readonly number[]): readonly number[] {
  if (metric.kind === "exponential") return fallback;
  return metric.kind === "histogram" ? (metric.points[0]?.bounds ?? fallback) : [];
}

/** The series of a label set, made when new; the overflow series once the family is full. */
export function seriesOf(family: Family, labels: Labels): Series {
  const key = keyOf(labels);
  const known = family.series.get(key);
  if (known !== undefined) return known;
  if (family.series.size >= SERIES_PER_METRIC_LIMIT && labels !== OVERFLOW_LABELS) {
    return seriesOf(family, OVERFLOW_LABELS);
  }
  const series: Series = { family, labels, value: 0, sum: 0, buckets: family.bounds.map(() => 0), seenMs: 0 };
  family.series.set(key, series);
  return series;
}

function keyOf(labels: Labels): string {
  const names = Object.keys(labels).sort();
  return names.map((name) => `${name}\u0001${labels[name]}`).join("\u0002");
}

/** Our own parts label their series completely; others get `job` and `instance` from their resource. */
export function labelsOf(resource: Resource, attributes: Attributes): Labels {
  const labels: Record<string, string> = {};
  if (resource["outrider.component"] === undefined) addTarget(labels, resource);
  for (const [key, value] of Object.entries(attributes)) addLabel(labels, labelName(key), String(value));
  return labels;
}

/** @see Prometheus and OpenMetrics compatibility, "Resource Attributes" */
function addTarget(labels: Record<string, string>, resource: Resource): void {
  const [namespace, service, instance] = [
    resource["service.namespace"],
    resource["service.name"],
    resource["service.instance.id"],
  ];
  if (service !== undefined)
    addLabel(labels, "job", namespace === undefined ? `${service}` : `${namespace}/${service}`);
  if (instance !== undefined) addLabel(labels, "instance", String(instance));
}

/** Names that become equal are joined with ";". @see Prometheus and OpenMetrics compatibility, "Metric Attributes" */
function addLabel(labels: Record<string, string>, name: string, value: string): void {
  const cut = value.slice(0, LABEL_VALUE_LIMIT);
  labels[name] = labels[name] === undefined ? cut : `${labels[name]};${cut}`;
}
