/**
 * A base-2 exponential histogram of seconds with a fixed range, as OpenTelemetry defines it:
 * bucket i covers (base^i, base^(i+1)] with base = 2^(2^-SCALE). At scale 3 a bucket is 9 % wide.
 * @see https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
 */
export const SCALE = 3;
const PER_DOUBLING = 2 ** SCALE;
/** 2^-17 s is 7.6 µs, 2^7 s is 128 s; values outside count in the first and last bucket. */
const LOWEST_EXPONENT = -17;
const HIGHEST_EXPONENT = 7;
/** Index of the first bucket. */
export const OFFSET = LOWEST_EXPONENT * PER_DOUBLING;
export const BUCKETS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * PER_DOUBLING;

export class Histogram {
  readonly counts = new Float64Array(BUCKETS);
  count = 0;
  sum = 0;

  /** Once per request; allocates nothing. */
  record(seconds: number): void {
    this.count++;
    this.sum += seconds;
    const index = Math.ceil(Math.log2(seconds) * PER_DOUBLING) - 1 - OFFSET;
    const bucket = index >= 0 ? Math.min(index, BUCKETS - 1) : 0;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
  }
}

/** Upper bounds for a classic histogram: each power of two, where whole buckets end. */
export const CLASSIC_BOUNDS: readonly number[] = Array.from(
  { length: HIGHEST_EXPONENT - LOWEST_EXPONENT },
  (_, i) => 2 ** (LOWEST_EXPONENT + 1 + i),
);

/** Cumulative counts at CLASSIC_BOUNDS. */
export function classicCounts(histogram: Histogram): number[] {
  let total = 0;
  return CLASSIC_BOUNDS.map((_, doubling) => {
    for (let i = doubling * PER_DOUBLING; i < (doubling + 1) * PER_DOUBLING; i++)
      total += histogram.counts[i] as number;
    return total;
  });
}

/** The buckets in use, as OTLP sends them. */
export function trimmed(histogram: Histogram): { readonly offset: number; readonly counts: readonly number[] } {
  const first = histogram.counts.findIndex((count) => count > 0);
  if (first === -1) return { offset: 0, counts: [] };
  const last = histogram.counts.findLastIndex((count) => count > 0);
  return { offset: OFFSET + first, counts: Array.from(histogram.counts.subarray(first, last + 1)) };
}
