import type { Attributes, ReceivedMetric, Resource } from "../../core/wire/otlp/model.ts";
import { keptText } from "../kept-text.ts";
import { labelName, metricName } from "./names.ts";

/** Series of one metric; the label sets beyond it share one overflow series, so that totals stay exact. */
export const SERIES_PER_METRIC_LIMIT = 5_000;
/** Series of all metrics together; beyond them, new ones of every metric go to its overflow series. */
export const SERIES_LIMIT = 200_000;
/** Labels of one series; the attributes after them do not tell series apart. */
export const LABEL_LIMIT = 64;
/** Longest help text, in UTF-16 units; longer ones are cut. */
export const HELP_LIMIT = 1_024;
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
  /** How many series may still be made, in all families together. */
  readonly room: Room;
}

export interface Room {
  left: number;
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
  room: Room,
): Family | undefined {
  const type = typeOf(metric);
  const name = metricName(metric.name, metric.unit, type);
  const known = families.get(name);
  if (known !== undefined) return known.type === type ? known : undefined;
  if (families.size >= METRIC_LIMIT || isRendered(families, name, type)) return undefined;
  const help = keptText(metric.help === "" ? `${metric.name}, as received over OTLP.` : metric.help, HELP_LIMIT);
  const family: Family = { name, help, type, bounds: boundsOf(metric, bounds), series: new Map(), room };
  families.set(name, family);
  return family;
}

const HISTOGRAM_PARTS: readonly string[] = ["_bucket", "_sum", "_count"];

/** True when a line of this family could have the name of another's. */
function isRendered(families: ReadonlyMap<string, Family>, name: string, type: FamilyType): boolean {
  const base = HISTOGRAM_PARTS.find((part) => name.endsWith(part));
  if (base !== undefined && families.get(name.slice(0, -base.length))?.type === "histogram") return true;
  return type === "histogram" && HISTOGRAM_PARTS.some((part) => families.has(name + part));
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
  const isFull = family.series.size >= SERIES_PER_METRIC_LIMIT || family.room.left <= 0;
  if (isFull && labels !== OVERFLOW_LABELS) {
    return seriesOf(family, OVERFLOW_LABELS);
  }
  const series: Series = { family, labels, value: 0, sum: 0, buckets: family.bounds.map(() => 0), seenMs: 0 };
  family.series.set(key, series);
  family.room.left--;
  return series;
}

function keyOf(labels: Labels): string {
  const names = Object.keys(labels).sort();
  return JSON.stringify(names.flatMap((name) => [name, labels[name]]));
}

/** Our own parts label their series completely; others get `job` and `instance` from their resource. */
export function labelsOf(resource: Resource, attributes: Attributes): Labels {
  const labels = new Map<string, string>();
  if (resource["outrider.component"] === undefined) addTarget(labels, resource);
  for (const [key, value] of Object.entries(attributes)) addLabel(labels, labelName(key), String(value));
  return Object.fromEntries(labels);
}

/** @see Prometheus and OpenMetrics compatibility, "Resource Attributes" */
function addTarget(labels: Map<string, string>, resource: Resource): void {
  const [namespace, service, instance] = [
    resource["service.namespace"],
    resource["service.name"],
    resource["service.instance.id"],
  ];
  if (service !== undefined)
    addLabel(labels, "job", namespace === undefined ? `${service}` : `${namespace}/${service}`);
  if (instance !== undefined) addLabel(labels, "instance", String(instance));
}

/**
 * Names that become equal are joined with ";"; an empty label is no label.
 * @see Prometheus and OpenMetrics compatibility, "Metric Attributes"
 */
function addLabel(labels: Map<string, string>, name: string, value: string): void {
  if (value === "") return;
  const known = labels.get(name);
  if (known === undefined && labels.size >= LABEL_LIMIT) return;
  labels.set(name, keptText(known === undefined ? value : `${known};${value}`, LABEL_VALUE_LIMIT));
}
