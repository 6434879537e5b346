import type { MetricSpec } from "../../core/base/metric.ts";
import type { ExponentialPoint, MetricData, NumberPoint } from "../../core/wire/otlp/model.ts";
import { SIDECAR_METRICS } from "../metrics.ts";
import { CLASSIC_BOUNDS, classicCounts, type Histogram, SCALE, trimmed } from "./histogram.ts";

type Labels = Readonly<Record<string, string>>;

/** One reading of one metric, labels in the catalogue's order. */
export interface Reading {
  readonly spec: MetricSpec;
  readonly samples: readonly { readonly labels: Labels; readonly value: number | Histogram }[];
}

/** Prometheus text format 0.0.4. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function expose(readings: readonly Reading[]): string {
  return readings.map(({ spec, samples }) => `${header(spec)}${samples.map((s) => lines(spec, s)).join("")}`).join("");
}

function header({ name, help, type }: MetricSpec): string {
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
}

function lines(spec: MetricSpec, { labels, value }: Reading["samples"][number]): string {
  const shown = spec.labels.map((label) => `${label}="${escaped(labels[label] ?? "")}"`).join(",");
  if (typeof value === "number") return `${spec.name}${shown === "" ? "" : `{${shown}}`} ${value}\n`;
  const counts = classicCounts(value);
  const bucket = (le: string, count: number): string => `${spec.name}_bucket{${shown},le="${le}"} ${count}\n`;
  const buckets = CLASSIC_BOUNDS.map((bound, i) => bucket(String(bound), counts[i] ?? 0)).join("");
  return `${buckets}${bucket("+Inf", value.count)}${spec.name}_sum{${shown}} ${value.sum}\n${spec.name}_count{${shown}} ${value.count}\n`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** The same readings as OTLP metrics, cumulative since `startNs`. */
export function toOtlp(readings: readonly Reading[], startNs: bigint, timeNs: bigint): MetricData[] {
  return readings.filter(({ samples }) => samples.length > 0).map((reading) => metricData(reading, startNs, timeNs));
}

function metricData({ spec, samples }: Reading, startNs: bigint, timeNs: bigint): MetricData {
  const { name, unit, type } = spec;
  if (type === "histogram") {
    return { name, unit, kind: "exponential", points: samples.map((s) => exponential(s, startNs, timeNs)) };
  }
  const points = samples.map(({ labels, value }): NumberPoint => {
    return { attributes: labels, startNs, timeNs, value: value as number };
  });
  return { name, unit, kind: type === "counter" ? "sum" : "gauge", points };
}

function exponential({ labels, value }: Reading["samples"][number], startNs: bigint, timeNs: bigint): ExponentialPoint {
  const { count, sum } = value as Histogram;
  return {
    attributes: labels,
    startNs,
    timeNs,
    count,
    sum,
    scale: SCALE,
    zeroCount: 0,
    ...trimmed(value as Histogram),
  };
}

export const EVERY_METRIC = Object.values(SIDECAR_METRICS) as readonly MetricSpec[];
