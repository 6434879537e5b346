import { attributesOf } from "./attributes.ts";
import type { ExponentialPoint, HistogramPoint, NumberPoint, ReceivedMetric } from "./model.ts";
import type { RawMessage } from "./read.ts";

/** @see metrics/v1/metrics.proto, DataPointFlags: the point says that there is no value, not that it is zero */
const NO_RECORDED_VALUE = 1;
/** @see metrics/v1/metrics.proto, AggregationTemporality */
const CUMULATIVE = 2;
/** @see metrics data model, "Exponential Scale": the range that implementations must support */
const [SCALE_MIN, SCALE_MAX] = [-10, 20];
const DELTA = 1;
/** The largest count that the protocol's 64 bits hold; counters of doubles are held to it too. */
export const COUNT_MAX = 2 ** 64;
/** Most buckets of one histogram point; SDKs use 160 and fewer. */
export const HISTOGRAM_BUCKET_LIMIT = 2_048;

/** A metric, or the number of points that cannot be used: summaries, and points without temporality. */
export function readMetric(raw: RawMessage): (ReceivedMetric | number)[] {
  const name = String(raw["name"] ?? "");
  const unit = String(raw["unit"] ?? "");
  const help = String(raw["description"] ?? "");
  const found = KINDS.find(([field]) => raw[field] !== undefined);
  if (found === undefined) return [];
  const data = raw[found[0]] as RawMessage;
  const points = ((data["dataPoints"] as RawMessage[] | undefined) ?? []).filter(hasValue);
  const temporality = temporalityOf(data["aggregationTemporality"]);
  const [, kind] = found;
  if (name === "" || kind === "summary") return [points.length];
  if (kind === "gauge") return [{ name, unit, help, kind, points: points.map(numberPointOf) }];
  if (temporality === undefined) return [points.length];
  const common = { name, unit, help, temporality };
  if (kind === "sum") {
    const monotonic = data["isMonotonic"] === true;
    const usable = points.map(numberPointOf).filter(({ value }) => !monotonic || isCount(value));
    return [{ ...common, kind, monotonic, points: usable }, points.length - usable.length];
  }
  if (kind === "exponential") {
    const usable = points.map(exponentialPointOf).filter(isUsable);
    return [{ ...common, kind, points: usable }, points.length - usable.length];
  }
  const histograms = points.map(histogramPointOf).filter((point) => point !== undefined);
  return [{ ...common, kind, points: histograms }, points.length - histograms.length];
}

const KINDS = [
  ["gauge", "gauge"],
  ["sum", "sum"],
  ["histogram", "histogram"],
  ["exponentialHistogram", "exponential"],
  ["summary", "summary"],
] as const;

function temporalityOf(value: unknown): "cumulative" | "delta" | undefined {
  if (value === CUMULATIVE) return "cumulative";
  return value === DELTA ? "delta" : undefined;
}

function hasValue(point: RawMessage): boolean {
  return (Number(point["flags"] ?? 0) & NO_RECORDED_VALUE) === 0;
}

function timesOf(raw: RawMessage): { startNs: bigint; timeNs: bigint } {
  return {
    startNs: (raw["startTimeUnixNano"] as bigint | undefined) ?? 0n,
    timeNs: (raw["timeUnixNano"] as bigint | undefined) ?? 0n,
  };
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

/** One infinite observation makes a sum that says nothing. */
function sumOf(value: unknown): number {
  return Number.isFinite(value) ? (value as number) : 0;
}

function numberPointOf(raw: RawMessage): NumberPoint {
  const value = numberOf(raw["asInt"] ?? raw["asDouble"]);
  return { attributes: attributesOf(raw["attributes"]), ...timesOf(raw), value };
}

/** What a counter can say: one that is not a number, or fell below zero, would spoil every sum it enters. */
function isCount(value: number): boolean {
  return value >= 0 && value <= COUNT_MAX;
}

/** Fewer in the buckets than the count says is possible (negative values are not kept), more is not. */
function fits(counts: readonly number[], count: number): boolean {
  if (counts.length > HISTOGRAM_BUCKET_LIMIT || !isCount(count)) return false;
  return counts.reduce((sum, one) => sum + one, 0) <= count;
}

function isUsable({ scale, counts, zeroCount, count }: ExponentialPoint): boolean {
  return (
    scale >= SCALE_MIN && scale <= SCALE_MAX && fits([zeroCount, ...counts.slice(0, HISTOGRAM_BUCKET_LIMIT + 1)], count)
  );
}

function rise(bounds: readonly number[]): boolean {
  return bounds.every(
    (bound, index) => Number.isFinite(bound) && bound > (bounds[index - 1] ?? Number.NEGATIVE_INFINITY),
  );
}

/** `undefined` when counts and bounds do not belong together, or are none. */
function histogramPointOf(raw: RawMessage): HistogramPoint | undefined {
  const bounds = (raw["explicitBounds"] as number[] | undefined) ?? [];
  const counts = (raw["bucketCounts"] as number[] | undefined) ?? [];
  if (counts.length !== 0 && counts.length !== bounds.length + 1) return undefined;
  const [count, sum] = [numberOf(raw["count"]), sumOf(raw["sum"])];
  if (!fits(counts, count) || bounds.length > HISTOGRAM_BUCKET_LIMIT || !rise(bounds)) return undefined;
  return { attributes: attributesOf(raw["attributes"]), ...timesOf(raw), count, sum, bounds, counts };
}

/** Negative buckets are not kept: durations and sizes have none; `count` still includes them. */
function exponentialPointOf(raw: RawMessage): ExponentialPoint {
  const positive = (raw["positive"] as RawMessage | undefined) ?? {};
  return {
    attributes: attributesOf(raw["attributes"]),
    ...timesOf(raw),
    count: numberOf(raw["count"]),
    sum: sumOf(raw["sum"]),
    scale: numberOf(raw["scale"]),
    zeroCount: numberOf(raw["zeroCount"]),
    offset: numberOf(positive["offset"]),
    counts: (positive["bucketCounts"] as number[] | undefined) ?? [],
  };
}
