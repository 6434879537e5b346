/**
 * OTLP as plain values, the subset that Outrider sends; core/wire/otlp/otlp encodes and decodes it.
 * Ids are lower-case hex; times are nanoseconds since the Unix epoch as bigint.
 * @see https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto
 */
export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** "service.name", "service.namespace", "k8s.pod.name", "service.instance.id": OpenTelemetry resource semantic conventions. */
export type Resource = Attributes;

/** @see trace/v1/trace.proto, Span.SpanKind */
export const SPAN_KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
/** @see trace/v1/trace.proto, Status.StatusCode */
export const STATUS_CODE = { unset: 0, ok: 1, error: 2 } as const;

export interface SpanData {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: (typeof SPAN_KIND)[keyof typeof SPAN_KIND];
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly statusCode: (typeof STATUS_CODE)[keyof typeof STATUS_CODE];
  readonly statusMessage?: string;
}

export interface NumberPoint {
  readonly attributes: Attributes;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly value: number;
}

/** @see metrics/v1/metrics.proto, ExponentialHistogramDataPoint */
export interface ExponentialPoint {
  readonly attributes: Attributes;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly count: number;
  readonly sum: number;
  /** Bucket i covers (base^i, base^(i+1)] with base = 2^(2^-scale). */
  readonly scale: number;
  readonly zeroCount: number;
  readonly offset: number;
  readonly counts: readonly number[];
}

/** Always cumulative: a lost export loses resolution, never counts. */
export type MetricData =
  | { readonly name: string; readonly unit: string; readonly kind: "sum"; readonly points: readonly NumberPoint[] }
  | { readonly name: string; readonly unit: string; readonly kind: "gauge"; readonly points: readonly NumberPoint[] }
  | {
      readonly name: string;
      readonly unit: string;
      readonly kind: "exponential";
      readonly points: readonly ExponentialPoint[];
    };

/** @see metrics/v1/metrics.proto, HistogramDataPoint */
export interface HistogramPoint {
  readonly attributes: Attributes;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly count: number;
  readonly sum: number;
  /** Upper bounds, inclusive, ascending; `counts` has one more for what lies above the last, or none at all. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

interface ReceivedCommon {
  readonly name: string;
  readonly unit: string;
  readonly help: string;
}
export type Temporality = "cumulative" | "delta";

/** A metric as others may send it: also classic histograms, deltas and sums that go down. */
export type ReceivedMetric = ReceivedCommon &
  (
    | { readonly kind: "gauge"; readonly points: readonly NumberPoint[] }
    | {
        readonly kind: "sum";
        readonly temporality: Temporality;
        readonly monotonic: boolean;
        readonly points: readonly NumberPoint[];
      }
    | { readonly kind: "histogram"; readonly temporality: Temporality; readonly points: readonly HistogramPoint[] }
    | { readonly kind: "exponential"; readonly temporality: Temporality; readonly points: readonly ExponentialPoint[] }
  );

/** @see logs/v1/logs.proto, LogRecord */
export interface LogRecord {
  readonly timeMs: number;
  readonly severityNumber: number;
  readonly body: string;
  readonly attributes: Attributes;
  readonly traceId?: string;
  readonly spanId?: string;
}

/** A decoded request: items by resource, and how many items could not be used. */
export interface Received<T> {
  readonly parts: readonly { readonly resource: Resource; readonly items: readonly T[] }[];
  readonly invalid: number;
}
