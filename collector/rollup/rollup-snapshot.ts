import type { Rollup } from "./rollup.ts";
import { type Family, type Labels, OVERFLOW_LABELS, type Series, seriesOf } from "./series.ts";
import type { Stream, StreamValue } from "./stream.ts";

/** A rollup as JSON; times in nanoseconds are decimal strings there. */
export interface RollupSnapshot {
  readonly families: readonly (Omit<Family, "series" | "room"> & { readonly series: readonly SeriesRecord[] })[];
  readonly streams: readonly StreamRecord[];
  readonly senders: readonly (readonly [sender: string, seenMs: number])[];
}

/** Gauges may be infinite or not a number, which JSON cannot say. */
type SeriesValue = number | "NaN" | "Infinity" | "-Infinity";
type SeriesRecord = readonly [
  labels: Labels,
  value: SeriesValue,
  sum: number,
  buckets: readonly number[],
  seenMs: number,
];
type LastRecord = Omit<StreamValue, "startNs" | "timeNs"> & { readonly startNs: string; readonly timeNs: string };
type StreamRecord = readonly [key: string, family: string, labels: Labels, seenMs: number, last: LastRecord | null];

export function snapshotRollup({ families, streams, senders }: Rollup): RollupSnapshot {
  return {
    families: [...families.values()].map(({ room, series, ...family }) => ({
      ...family,
      series: [...series.values()].map(recordOf),
    })),
    streams: [...streams].map(([key, { series, labels, seenMs, last }]): StreamRecord => {
      return [key, series.family.name, labels, seenMs, last === undefined ? null : lastRecordOf(last)];
    }),
    senders: [...senders],
  };
}

/** Puts a snapshot into an empty rollup. */
export function restoreRollup(rollup: Rollup, snapshot: RollupSnapshot): void {
  for (const { series, ...rest } of snapshot.families) {
    const family: Family = { ...rest, series: new Map(), room: rollup.room };
    rollup.families.set(family.name, family);
    for (const record of series) restoreSeries(family, record);
  }
  for (const [key, name, labels, seenMs, last] of snapshot.streams) {
    const family = rollup.families.get(name);
    if (family === undefined) continue;
    const series = seriesOf(family, labels);
    const own = series.labels === OVERFLOW_LABELS ? labels : series.labels;
    const stream: Stream = { series, labels: own, seenMs };
    if (last !== null) stream.last = lastOf(last);
    rollup.restore(key, stream);
  }
  for (const [sender, seenMs] of snapshot.senders) rollup.senders.set(sender, seenMs);
}

function recordOf({ labels, value, sum, buckets, seenMs }: Series): SeriesRecord {
  return [labels, Number.isFinite(value) ? value : (String(value) as SeriesValue), sum, buckets, seenMs];
}

function restoreSeries(family: Family, [labels, value, sum, buckets, seenMs]: SeriesRecord): void {
  const series = seriesOf(family, labels);
  Object.assign(series, { value: Number(value), sum, seenMs });
  series.buckets.splice(0, series.buckets.length, ...buckets);
}

/** Attributes are in the stream's key already. */
function lastRecordOf(last: StreamValue): LastRecord {
  return { ...last, attributes: {}, startNs: String(last.startNs), timeNs: String(last.timeNs) };
}

function lastOf(last: LastRecord): StreamValue {
  return { ...last, startNs: BigInt(last.startNs), timeNs: BigInt(last.timeNs) } as StreamValue;
}
