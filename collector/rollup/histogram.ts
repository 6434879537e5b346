import type { ExponentialPoint, HistogramPoint } from "../../core/wire/otlp/model.ts";

/** Some observations of a histogram: `count` of them lie in (lower, upper]. */
export interface Cell {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Within an exponential bucket observations are taken to spread evenly on a logarithmic scale. */
  readonly logarithmic: boolean;
}

/** What a histogram gained. */
export interface HistogramIncrement {
  readonly count: number;
  readonly sum: number;
  readonly cells: readonly Cell[];
}

/** Upper bounds in seconds of the classic buckets that exponential histograms are rendered to: prom-client's. */
export const CLASSIC_BOUNDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export type StreamPoint = ExponentialPoint | HistogramPoint;

/** Cumulative points of one stream, subtracted; `undefined` when it went back to zero in between. */
export function histogramDifference(now: StreamPoint, before: StreamPoint | undefined): HistogramIncrement | undefined {
  if (before !== undefined && now.count < before.count) return undefined;
  const cells = "bounds" in now ? classicCells(now, before) : exponentialCells(now, before);
  if (cells === undefined) return undefined;
  const sum = now.sum - (before?.sum ?? 0);
  return { count: now.count - (before?.count ?? 0), sum: Number.isFinite(sum) ? sum : 0, cells };
}

function classicCells(now: HistogramPoint, before: StreamPoint | undefined): Cell[] | undefined {
  if (before !== undefined && !("bounds" in before)) return undefined;
  const cells = now.counts.map((count, index): Cell => {
    const [lower, upper] = [now.bounds[index - 1] ?? 0, now.bounds[index] ?? Number.POSITIVE_INFINITY];
    return { lower: Math.min(lower, upper), upper, count: count - (before?.counts[index] ?? 0), logarithmic: false };
  });
  return withoutEmpty(cells);
}

function exponentialCells(now: ExponentialPoint, before: StreamPoint | undefined): Cell[] | undefined {
  if (before !== undefined && "bounds" in before) return undefined;
  const scale = Math.min(now.scale, before?.scale ?? now.scale);
  const counts = countsAtScale(now, scale);
  if (before !== undefined) for (const [index, count] of countsAtScale(before, scale)) add(counts, index, -count);
  const base = 2 ** (2 ** -scale);
  const cells = [...counts].map(([index, count]): Cell => {
    return { lower: base ** index, upper: base ** (index + 1), count, logarithmic: true };
  });
  const zero = { lower: 0, upper: 0, count: now.zeroCount - (before?.zeroCount ?? 0), logarithmic: false };
  return withoutEmpty([zero, ...cells]);
}

/** Merging 2^n neighbours lowers the scale by n. @see metrics data model, "Exponential Buckets" */
function countsAtScale({ scale, offset, counts }: ExponentialPoint, wanted: number): Map<number, number> {
  const width = 2 ** (scale - wanted);
  const out = new Map<number, number>();
  for (const [position, count] of counts.entries()) {
    if (count !== 0) add(out, Math.floor((offset + position) / width), count);
  }
  return out;
}

function withoutEmpty(cells: readonly Cell[]): Cell[] | undefined {
  if (cells.some(({ count }) => count < 0)) return undefined;
  return cells.filter(({ count }) => count > 0);
}

function add(counts: Map<number, number>, index: number, count: number): void {
  counts.set(index, (counts.get(index) ?? 0) + count);
}

/** How many observations are at or below a bound; fractional when it cuts through a bucket, as histogram_fraction is. */
export function countAtOrBelow(cells: readonly Cell[], bound: number): number {
  let count = 0;
  for (const cell of cells) count += cell.count * shareBelow(cell, bound);
  return count;
}

function shareBelow({ lower, upper, logarithmic }: Cell, bound: number): number {
  if (bound >= upper) return 1;
  if (bound <= lower || upper === Number.POSITIVE_INFINITY) return 0;
  return logarithmic && lower > 0
    ? Math.log(bound / lower) / Math.log(upper / lower)
    : (bound - lower) / (upper - lower);
}

/** The value that a share of observations does not exceed, from bucket counts; `null` when there are none. */
export function quantile(bounds: readonly number[], cumulative: readonly number[], share: number): number | null {
  const total = cumulative.at(-1) ?? 0;
  if (total <= 0) return null;
  const index = cumulative.findIndex((count) => count >= share * total);
  const [below, within] = [cumulative[index - 1] ?? 0, (cumulative[index] ?? 0) - (cumulative[index - 1] ?? 0)];
  const lower = bounds[index - 1] ?? 0;
  const upper = bounds[index] ?? lower;
  return within <= 0 ? upper : lower + ((share * total - below) / within) * (upper - lower);
}
