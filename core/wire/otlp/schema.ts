/**
 * The messages of opentelemetry-proto v1 that Outrider reads, as data: field number, JSON name, type.
 * Fields left out are skipped by both decoders, as the protocol asks of unknown fields.
 * @see https://github.com/open-telemetry/opentelemetry-proto/tree/v1.9.0/opentelemetry/proto
 */
export type ScalarType =
  | "string"
  | "bytes"
  /** Trace and span ids: bytes in protobuf, hex in JSON; lower-case hex once read. */
  | "id"
  | "bool"
  /** uint32, int32 and enums: a number. */
  | "int"
  /** A number when exact, else its decimal text. */
  | "int64"
  | "sint32"
  /** A bigint: times. */
  | "fixed64"
  /** A number: counts and integer points. */
  | "count"
  | "sfixed64"
  | "uint64"
  | "double";

export interface Field {
  readonly number: number;
  readonly name: string;
  readonly type: ScalarType | Message;
  readonly repeated: boolean;
}

export interface Message {
  readonly name: string;
  readonly byNumber: Map<number, Field>;
  readonly byName: Map<string, Field>;
}

type FieldSpec = readonly [number: number, name: string, type: ScalarType | Message, repeated?: "repeated"];

function message(name: string, ...fields: readonly FieldSpec[]): Message {
  const made: Message = { name, byNumber: new Map(), byName: new Map() };
  for (const field of fields) add(made, field);
  return made;
}

function add(to: Message, [number, name, type, repeated]: FieldSpec): void {
  const field = { number, name, type, repeated: repeated !== undefined };
  to.byNumber.set(number, field);
  to.byName.set(name, field);
}

const anyValue = message(
  "AnyValue",
  [1, "stringValue", "string"],
  [2, "boolValue", "bool"],
  [3, "intValue", "int64"],
  [4, "doubleValue", "double"],
  [7, "bytesValue", "bytes"],
);
const keyValue = message("KeyValue", [1, "key", "string"], [2, "value", anyValue]);
add(anyValue, [5, "arrayValue", message("ArrayValue", [1, "values", anyValue, "repeated"])]);
add(anyValue, [6, "kvlistValue", message("KeyValueList", [1, "values", keyValue, "repeated"])]);

const resource = message("Resource", [1, "attributes", keyValue, "repeated"]);

const span = message(
  "Span",
  [1, "traceId", "id"],
  [2, "spanId", "id"],
  [4, "parentSpanId", "id"],
  [5, "name", "string"],
  [6, "kind", "int"],
  [7, "startTimeUnixNano", "fixed64"],
  [8, "endTimeUnixNano", "fixed64"],
  [9, "attributes", keyValue, "repeated"],
  [15, "status", message("Status", [2, "message", "string"], [3, "code", "int"])],
);

const pointTimes: readonly FieldSpec[] = [
  [2, "startTimeUnixNano", "fixed64"],
  [3, "timeUnixNano", "fixed64"],
];

const numberPoint = message(
  "NumberDataPoint",
  ...pointTimes,
  [4, "asDouble", "double"],
  [6, "asInt", "sfixed64"],
  [7, "attributes", keyValue, "repeated"],
  [8, "flags", "int"],
);

const histogramPoint = message(
  "HistogramDataPoint",
  ...pointTimes,
  [4, "count", "count"],
  [5, "sum", "double"],
  [6, "bucketCounts", "count", "repeated"],
  [7, "explicitBounds", "double", "repeated"],
  [9, "attributes", keyValue, "repeated"],
  [10, "flags", "int"],
);

const buckets = message("Buckets", [1, "offset", "sint32"], [2, "bucketCounts", "uint64", "repeated"]);

const exponentialPoint = message(
  "ExponentialHistogramDataPoint",
  [1, "attributes", keyValue, "repeated"],
  ...pointTimes,
  [4, "count", "count"],
  [5, "sum", "double"],
  [6, "scale", "sint32"],
  [7, "zeroCount", "count"],
  [8, "positive", buckets],
  [9, "negative", buckets],
  [10, "flags", "int"],
);

function pointsOf(name: string, point: Message): Message {
  const points: FieldSpec = [1, "dataPoints", point, "repeated"];
  return message(name, points, [2, "aggregationTemporality", "int"], [3, "isMonotonic", "bool"]);
}

const metric = message(
  "Metric",
  [1, "name", "string"],
  [2, "description", "string"],
  [3, "unit", "string"],
  [5, "gauge", pointsOf("Gauge", numberPoint)],
  [7, "sum", pointsOf("Sum", numberPoint)],
  [9, "histogram", pointsOf("Histogram", histogramPoint)],
  [10, "exponentialHistogram", pointsOf("ExponentialHistogram", exponentialPoint)],
  [11, "summary", pointsOf("Summary", message("SummaryDataPoint"))],
);

const logRecord = message(
  "LogRecord",
  [1, "timeUnixNano", "fixed64"],
  [2, "severityNumber", "int"],
  [5, "body", anyValue],
  [6, "attributes", keyValue, "repeated"],
  [9, "traceId", "id"],
  [10, "spanId", "id"],
  [11, "observedTimeUnixNano", "fixed64"],
);

function request(signal: string, items: readonly [list: string, scopes: string, item: string, type: Message]): Message {
  const [list, scopes, item, type] = items;
  const scope = message(`Scope${signal}`, [2, item, type, "repeated"]);
  const perResource = message(`Resource${signal}`, [1, "resource", resource], [2, scopes, scope, "repeated"]);
  return message(`Export${signal}ServiceRequest`, [1, list, perResource, "repeated"]);
}

/** The three requests. @see opentelemetry/proto/collector */
export const OTLP_REQUESTS = {
  traces: request("Trace", ["resourceSpans", "scopeSpans", "spans", span]),
  metrics: request("Metrics", ["resourceMetrics", "scopeMetrics", "metrics", metric]),
  logs: request("Logs", ["resourceLogs", "scopeLogs", "logRecords", logRecord]),
} as const;

export type OtlpSignal = keyof typeof OTLP_REQUESTS;
