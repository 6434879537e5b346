import type { ExponentialPoint, HistogramPoint, NumberPoint } from "../../core/wire/otlp-model.ts";
import { type HistogramIncrement, histogramDifference } from "./histogram.ts";
import type { Series } from "./series.ts";

export type StreamValue = NumberPoint | HistogramPoint | ExponentialPoint;

/** One sender's one series since its start time: the last point it sent. @see OTLP data model, "Resets and Gaps" */
export interface Stream {
  readonly series: Series;
  seenMs: number;
  last?: StreamValue;
}

export interface Gain {
  readonly value: number;
  readonly histogram?: HistogramIncrement;
}

const NOTHING: Gain = { value: 0 };

/** What a point adds to its stream, which then remembers the point. Points from the past add nothing. */
export function gainOf(stream: Stream, point: StreamValue): Gain {
  const { last } = stream;
  if (last !== undefined && point.timeNs <= last.timeNs) return NOTHING;
  stream.last = point;
  return "value" in point ? numberGain(point, last) : histogramGain(point, last);
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
