import { MINUTE_MS } from "../../core/base/clock.ts";
import type { ExponentialPoint, HistogramPoint, NumberPoint } from "../../core/wire/otlp/model.ts";
import { type HistogramIncrement, histogramDifference } from "./histogram.ts";
import type { Labels, Series } from "./series.ts";

/** A point dated further in the future than this comes from a broken clock, in milliseconds. */
export const CLOCK_SKEW_MS = MINUTE_MS;

export type StreamValue = NumberPoint | HistogramPoint | ExponentialPoint;

/** One sender's one series since its start time: the last point it sent. @see OTLP data model, "Resets and Gaps" */
export interface Stream {
  readonly series: Series;
  /** Its own, even when its series is the overflow series. */
  readonly labels: Labels;
  seenMs: number;
  last?: StreamValue;
}

export interface Gain {
  readonly value: number;
  readonly histogram?: HistogramIncrement;
}

const NOTHING: Gain = { value: 0 };

const NO_ATTRIBUTES = {};
const NS_PER_MS = 1_000_000n;

/** What a point adds to its stream, which then remembers the point. Points from the past add nothing. */
export function gainOf(stream: Stream, point: StreamValue, nowMs: number): Gain {
  const { last } = stream;
  if (last !== undefined && isLate(point, last, nowMs)) return NOTHING;
  stream.last = { ...point, attributes: NO_ATTRIBUTES };
  return "value" in point ? numberGain(point, last) : histogramGain(point, last);
}

/** A last point from a broken clock does not make those of a mended one late. */
function isLate(point: StreamValue, last: StreamValue, nowMs: number): boolean {
  if (point.timeNs > last.timeNs) return false;
  const horizonNs = BigInt(Math.trunc(nowMs) + CLOCK_SKEW_MS) * NS_PER_MS;
  return last.timeNs <= horizonNs || point.timeNs > horizonNs;
}

/** A value that fell without a new start time is a restart that was not announced: all of it is new. */
function numberGain(point: NumberPoint, last: StreamValue | undefined): Gain {
  const before = last !== undefined && "value" in last ? last.value : 0;
  const gained = point.value >= before ? point.value - before : point.value;
  return Number.isFinite(gained) && gained > 0 ? { value: gained } : NOTHING;
}

function histogramGain(point: HistogramPoint | ExponentialPoint, last: StreamValue | undefined): Gain {
  const before = last === undefined || "value" in last ? undefined : last;
  const histogram = histogramDifference(point, before) ?? histogramDifference(point, undefined);
  return histogram === undefined || histogram.count <= 0 ? NOTHING : { value: histogram.count, histogram };
}
