import { HOUR_MS, MINUTE_MS } from "../../core/base/clock.ts";
import type { ReceivedMetric, Resource } from "../../core/wire/otlp-model.ts";
import { countAtOrBelow, type HistogramIncrement } from "./histogram.ts";
import { type Family, familyOf, type Labels, labelsOf, type Series, seriesOf } from "./series.ts";
import { gainOf, type Stream, type StreamValue } from "./stream.ts";

/** Streams tracked at once; points of further ones are rejected and counted. About half a kilobyte each. */
export const STREAM_LIMIT = 200_000;
/** A stream silent for so long is forgotten, in milliseconds. */
export const STREAM_IDLE_MS = 24 * HOUR_MS;
/** A gauge that nobody reports any more is not shown, in milliseconds. */
export const GAUGE_STALE_MS = 5 * MINUTE_MS;
/**
 * Counts of a sender never heard before are taken as "just now" when it started at most this long ago; older ones
 * enter the totals only, because nobody knows when they happened. In milliseconds.
 */
export const FIRST_POINT_TRUST_MS = 5 * MINUTE_MS;

/** What one series gained since it was last heard. */
export interface Increment {
  readonly series: Series;
  readonly metric: string;
  readonly labels: Labels;
  /** Of a counter; of a histogram the number of observations. */
  readonly value: number;
  readonly histogram?: HistogramIncrement;
  /** True when it is unknown when it happened: counts in totals, not in rates and windows. */
  readonly undated: boolean;
}

export interface RolledUp {
  readonly increments: readonly Increment[];
  readonly accepted: number;
  readonly rejected: Readonly<Record<string, number>>;
}

export interface RollupOptions {
  /** Upper bounds in seconds for exponential histograms. */
  readonly bounds: readonly number[];
}

/**
 * Cumulative points of many senders -> increments per series, each counted once: a repeated or late point adds
 * nothing, a restarted sender (a new start time, or a value that fell) starts from zero.
 */
export class Rollup {
  readonly families = new Map<string, Family>();
  readonly streams = new Map<string, Stream>();
  readonly senders = new Map<string, number>();
  readonly #options: RollupOptions;

  constructor(options: RollupOptions) {
    this.#options = options;
  }

  /** All metrics of one sender in one request. */
  apply(resource: Resource, metrics: readonly ReceivedMetric[], nowMs: number): RolledUp {
    const sender = senderOf(resource);
    const known = this.senders.has(sender);
    this.senders.set(sender, nowMs);
    const result = { increments: [] as Increment[], accepted: 0, rejected: {} as Record<string, number> };
    for (const metric of metrics) {
      const family = familyOf(this.families, metric, this.#options.bounds);
      if (family === undefined) reject(result, "type_conflict", metric.points.length);
      else this.#applyMetric({ sender, known, resource, family, nowMs }, metric, result);
    }
    return result;
  }

  /** Forgets what has been silent for long. Called about once a minute. */
  sweep(nowMs: number): void {
    for (const [key, { seenMs }] of this.streams) if (nowMs - seenMs > STREAM_IDLE_MS) this.streams.delete(key);
    for (const [key, seenMs] of this.senders) if (nowMs - seenMs > STREAM_IDLE_MS) this.senders.delete(key);
    for (const family of this.families.values()) {
      if (family.type !== "gauge") continue;
      for (const [key, series] of family.series) if (nowMs - series.seenMs > GAUGE_STALE_MS) family.series.delete(key);
    }
  }

  #applyMetric(context: Context, metric: ReceivedMetric, result: MutableResult): void {
    for (const point of metric.points) {
      const series = (): Series => seriesOf(context.family, labelsOf(context.resource, point.attributes));
      if (metric.kind === "gauge" || (metric.kind === "sum" && !metric.monotonic)) {
        setGauge(series(), (point as { value: number }).value, context.nowMs);
        result.accepted++;
        continue;
      }
      const delta = metric.temporality === "delta";
      const gained = this.#gain(context, metric, point as StreamValue, delta, series);
      if (gained === undefined) reject(result, "stream_limit", 1);
      else {
        result.accepted++;
        if (gained.value > 0) result.increments.push(gained);
      }
    }
  }

  #gain(
    context: Context,
    metric: ReceivedMetric,
    point: StreamValue,
    delta: boolean,
    series: () => Series,
  ): Increment | undefined {
    const key = `${context.sender}\n${metric.name}\n${point.startNs}\n${JSON.stringify(point.attributes)}`;
    const stream = delta ? { series: series(), seenMs: context.nowMs } : this.#stream(key, series, context.nowMs);
    if (stream === undefined) return undefined;
    const undated = stream.last === undefined && !context.known && !isRecent(point.startNs, context.nowMs);
    const gain = gainOf(stream, point);
    stream.seenMs = context.nowMs;
    accumulate(stream.series, gain, context.nowMs);
    return { series: stream.series, metric: stream.series.family.name, labels: stream.series.labels, ...gain, undated };
  }

  #stream(key: string, series: () => Series, nowMs: number): Stream | undefined {
    const known = this.streams.get(key);
    if (known !== undefined) return known;
    if (this.streams.size >= STREAM_LIMIT) return undefined;
    const stream: Stream = { series: series(), seenMs: nowMs };
    this.streams.set(key, stream);
    return stream;
  }
}

/**
 * Who sends: the instance when it says so, because other resource attributes may become known later in its life.
 * @see OpenTelemetry resource semantic conventions, "service.instance.id"
 */
function senderOf(resource: Resource): string {
  const { "outrider.component": component, "service.instance.id": instance } = resource;
  if (instance === undefined) return JSON.stringify(resource);
  if (component !== undefined) return `${component}/${instance}`;
  return `${resource["service.namespace"] ?? ""}/${resource["service.name"] ?? ""}/${instance}`;
}

interface Context {
  readonly sender: string;
  readonly known: boolean;
  readonly resource: Resource;
  readonly family: Family;
  readonly nowMs: number;
}

type MutableResult = { increments: Increment[]; accepted: number; rejected: Record<string, number> };

function reject(result: MutableResult, reason: string, count: number): void {
  result.rejected[reason] = (result.rejected[reason] ?? 0) + count;
}

function isRecent(startNs: bigint, nowMs: number): boolean {
  return startNs === 0n || nowMs - Number(startNs / 1_000_000n) <= FIRST_POINT_TRUST_MS;
}

function setGauge(series: Series, value: number, nowMs: number): void {
  series.value = value;
  series.seenMs = nowMs;
}

function accumulate(series: Series, gain: { value: number; histogram?: HistogramIncrement }, nowMs: number): void {
  series.seenMs = nowMs;
  series.value += gain.value;
  if (gain.histogram === undefined) return;
  const { cells, sum } = gain.histogram;
  series.sum += sum;
  for (const [index, bound] of series.family.bounds.entries()) {
    series.buckets[index] = (series.buckets[index] ?? 0) + countAtOrBelow(cells, bound);
  }
}
