import { createHash } from "node:crypto";
import { HOUR_MS, MINUTE_MS } from "../../core/base/clock.ts";
import type { ReceivedMetric, Resource } from "../../core/wire/otlp/model.ts";
import { countAtOrBelow, type HistogramIncrement } from "./histogram.ts";
import {
  type Family,
  familyOf,
  type Labels,
  labelsOf,
  OVERFLOW_LABELS,
  type Room,
  SERIES_LIMIT,
  type Series,
  seriesOf,
} from "./series.ts";
import { gainOf, type Stream, type StreamValue } from "./stream.ts";

/** Streams tracked at once; points of further ones are rejected and counted. About half a kilobyte each. */
export const STREAM_LIMIT = 200_000;
/** Of one sender, so that a single broken one leaves room for the others. */
export const STREAMS_PER_SENDER_LIMIT = 20_000;
/** Senders remembered at once; what further ones sent before is not told from what they send now. */
export const SENDER_LIMIT = 50_000;
/** A stream, and a series, silent for so long is forgotten, in milliseconds. */
export const STREAM_IDLE_MS = 24 * HOUR_MS;
/** Longer names of senders and streams are kept as their digest, in UTF-16 units. */
export const KEY_LIMIT = 512;
/** More than this cannot have happened since the last export, whatever the sender says. */
export const LARGEST_DATED_GAIN = 1e12;
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
  /** Of the point itself, even when its series is the overflow series: the same object for all of one stream. */
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
  readonly room: Room = { left: SERIES_LIMIT };
  readonly #streamsOf = new Map<string, number>();
  readonly #options: RollupOptions;

  constructor(options: RollupOptions) {
    this.#options = options;
  }

  /** All metrics of one sender in one request. */
  apply(resource: Resource, metrics: readonly ReceivedMetric[], nowMs: number): RolledUp {
    const sender = senderOf(resource);
    const known = this.senders.has(sender);
    if (known || this.senders.size < SENDER_LIMIT) this.senders.set(sender, nowMs);
    const result = { increments: [] as Increment[], accepted: 0, rejected: {} as Record<string, number> };
    for (const metric of metrics) {
      const family = familyOf(this.families, metric, this.#options.bounds, this.room);
      if (family === undefined) reject(result, "type_conflict", metric.points.length);
      else this.#applyMetric({ sender, known, resource, family, nowMs }, metric, result);
    }
    return result;
  }

  /** Forgets what has been silent for long. Called about once a minute. */
  sweep(nowMs: number): void {
    for (const [key, stream] of this.streams) if (nowMs - stream.seenMs > STREAM_IDLE_MS) this.#forget(key);
    for (const [key, seenMs] of this.senders) if (nowMs - seenMs > STREAM_IDLE_MS) this.senders.delete(key);
    for (const [name, family] of this.families) {
      sweepFamily(family, nowMs - (family.type === "gauge" ? GAUGE_STALE_MS : STREAM_IDLE_MS));
      if (family.series.size === 0) this.families.delete(name);
    }
  }

  /** A stream of an earlier run. */
  restore(key: string, stream: Stream): void {
    this.streams.set(key, stream);
    const sender = senderIn(key);
    this.#streamsOf.set(sender, (this.#streamsOf.get(sender) ?? 0) + 1);
  }

  #forget(key: string): void {
    this.streams.delete(key);
    const left = (this.#streamsOf.get(senderIn(key)) ?? 0) - 1;
    if (left > 0) this.#streamsOf.set(senderIn(key), left);
    else this.#streamsOf.delete(senderIn(key));
  }

  #applyMetric(context: Context, metric: ReceivedMetric, result: MutableResult): void {
    for (const point of metric.points) {
      const labels = (): Labels => labelsOf(context.resource, point.attributes);
      if (metric.kind === "gauge" || (metric.kind === "sum" && !metric.monotonic)) {
        setGauge(seriesOf(context.family, labels()), (point as { value: number }).value, context.nowMs);
        result.accepted++;
        continue;
      }
      const delta = metric.temporality === "delta";
      const gained = this.#gain(context, metric, point as StreamValue, delta, labels);
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
    labels: () => Labels,
  ): Increment | undefined {
    const key = `${context.sender}\n${shortKey(`${metric.name}\n${point.startNs}\n${JSON.stringify(point.attributes)}`)}`;
    const make = (): Stream => newStream(context, labels());
    const stream = delta ? make() : this.#stream(key, make);
    if (stream === undefined) return undefined;
    const unheard = stream.last === undefined && !context.known && !isRecent(point.startNs, context.nowMs);
    const gain = gainOf(stream, point, context.nowMs);
    const undated = unheard || gain.value > LARGEST_DATED_GAIN;
    stream.seenMs = context.nowMs;
    accumulate(stream.series, gain, context.nowMs);
    return { series: stream.series, metric: stream.series.family.name, labels: stream.labels, ...gain, undated };
  }

  #stream(key: string, make: () => Stream): Stream | undefined {
    const known = this.streams.get(key);
    if (known !== undefined) return known;
    const own = this.#streamsOf.get(senderIn(key)) ?? 0;
    if (this.streams.size >= STREAM_LIMIT || own >= STREAMS_PER_SENDER_LIMIT) return undefined;
    const stream = make();
    this.restore(key, stream);
    return stream;
  }
}

function newStream({ family, nowMs }: Context, own: Labels): Stream {
  const series = seriesOf(family, own);
  return { series, labels: series.labels === OVERFLOW_LABELS ? own : series.labels, seenMs: nowMs };
}

function sweepFamily({ series, room }: Family, silentSinceMs: number): void {
  for (const [key, { seenMs }] of series) {
    if (seenMs >= silentSinceMs) continue;
    series.delete(key);
    room.left++;
  }
}

/** The first line of a stream's key. */
function senderIn(key: string): string {
  return key.slice(0, key.indexOf("\n"));
}

function shortKey(key: string): string {
  return key.length <= KEY_LIMIT ? key : createHash("sha256").update(key).digest("base64");
}

/**
 * Who sends: the instance when it says so, because other resource attributes may become known later in its life.
 * @see OpenTelemetry resource semantic conventions, "service.instance.id"
 */
function senderOf(resource: Resource): string {
  return shortKey(JSON.stringify(senderName(resource)));
}

function senderName(resource: Resource): string {
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
  return startNs !== 0n && nowMs - Number(startNs / 1_000_000n) <= FIRST_POINT_TRUST_MS;
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
