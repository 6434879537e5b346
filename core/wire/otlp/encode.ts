import { ProtobufWriter } from "../protobuf-writer.ts";
import { hexToBytes } from "./ids.ts";
import type {
  Attributes,
  AttributeValue,
  ExponentialPoint,
  MetricData,
  NumberPoint,
  Resource,
  SpanData,
} from "./model.ts";

/** Field numbers of opentelemetry-proto v1, by message; only those that Outrider reads or writes. */
export const OTLP_FIELDS = {
  resource: { attributes: 1 },
  resourceItems: { resource: 1, scopes: 2 },
  scopeItems: { scope: 1, items: 2 },
  scope: { name: 1 },
  keyValue: { key: 1, value: 2 },
  anyValue: { string: 1, bool: 2, int: 3, double: 4, array: 5, kvlist: 6, bytes: 7 },
  span: {
    traceId: 1,
    spanId: 2,
    parentSpanId: 4,
    name: 5,
    kind: 6,
    start: 7,
    end: 8,
    attributes: 9,
    status: 15,
  },
  status: { message: 2, code: 3 },
  metric: { name: 1, unit: 3, gauge: 5, sum: 7, histogram: 9, exponential: 10, summary: 11 },
  metricData: { points: 1, temporality: 2, monotonic: 3 },
  numberPoint: { start: 2, time: 3, double: 4, int: 6, attributes: 7, flags: 8 },
  histogramPoint: { start: 2, time: 3, count: 4, sum: 5, counts: 6, bounds: 7, attributes: 9, flags: 10 },
  exponentialPoint: {
    attributes: 1,
    start: 2,
    time: 3,
    count: 4,
    sum: 5,
    scale: 6,
    zeroCount: 7,
    positive: 8,
    negative: 9,
    flags: 10,
  },
  buckets: { offset: 1, counts: 2 },
  logRecord: { time: 1, severity: 2, body: 5, attributes: 6, traceId: 9, spanId: 10, observedTime: 11 },
} as const;

const F = OTLP_FIELDS;
const SCOPE_NAME = "outrider";
/** @see metrics/v1/metrics.proto, AggregationTemporality */
export const TEMPORALITY = { unspecified: 0, delta: 1, cumulative: 2 } as const;

/** An ExportTraceServiceRequest with one resource and one scope. */
export function encodeTraces(resource: Resource, spans: readonly SpanData[]): Uint8Array {
  return encodeRequest(resource, spans, writeSpan);
}

/** An ExportMetricsServiceRequest with one resource and one scope. Sums are monotonic and cumulative. */
export function encodeMetrics(resource: Resource, metrics: readonly MetricData[]): Uint8Array {
  return encodeRequest(resource, metrics, writeMetric);
}

type WriteItem<T> = (writer: ProtobufWriter, item: T) => void;

function encodeRequest<T>(resource: Resource, items: readonly T[], writeItem: WriteItem<T>): Uint8Array {
  const writer = new ProtobufWriter();
  writer.message(1, () => {
    writer.message(F.resourceItems.resource, () => writeAttributes(writer, F.resource.attributes, resource));
    writer.message(F.resourceItems.scopes, () => {
      writer.message(F.scopeItems.scope, () => writer.string(F.scope.name, SCOPE_NAME));
      for (const item of items) writer.message(F.scopeItems.items, () => writeItem(writer, item));
    });
  });
  return writer.finish();
}

function writeSpan(writer: ProtobufWriter, span: SpanData): void {
  writer.bytes(F.span.traceId, hexToBytes(span.traceId));
  writer.bytes(F.span.spanId, hexToBytes(span.spanId));
  if (span.parentSpanId !== undefined && span.parentSpanId !== "") {
    writer.bytes(F.span.parentSpanId, hexToBytes(span.parentSpanId));
  }
  writer.string(F.span.name, span.name);
  writer.varint(F.span.kind, span.kind);
  writer.fixed64(F.span.start, span.startNs);
  writer.fixed64(F.span.end, span.endNs);
  writeAttributes(writer, F.span.attributes, span.attributes);
  writer.message(F.span.status, () => {
    if (span.statusMessage !== undefined) writer.string(F.status.message, span.statusMessage);
    writer.varint(F.status.code, span.statusCode);
  });
}

function writeMetric(writer: ProtobufWriter, metric: MetricData): void {
  writer.string(F.metric.name, metric.name);
  writer.string(F.metric.unit, metric.unit);
  writer.message(F.metric[metric.kind], () => {
    if (metric.kind === "exponential") writeEach(writer, metric.points, writeExponentialPoint);
    else writeEach(writer, metric.points, writeNumberPoint);
    if (metric.kind !== "gauge") writer.varint(F.metricData.temporality, TEMPORALITY.cumulative);
    if (metric.kind === "sum") writer.varint(F.metricData.monotonic, 1);
  });
}

function writeEach<T>(writer: ProtobufWriter, points: readonly T[], writePoint: WriteItem<T>): void {
  for (const point of points) writer.message(F.metricData.points, () => writePoint(writer, point));
}

function writeNumberPoint(writer: ProtobufWriter, point: NumberPoint): void {
  writeAttributes(writer, F.numberPoint.attributes, point.attributes);
  writer.fixed64(F.numberPoint.start, point.startNs);
  writer.fixed64(F.numberPoint.time, point.timeNs);
  if (Number.isSafeInteger(point.value)) writer.fixed64(F.numberPoint.int, BigInt(point.value));
  else writer.double(F.numberPoint.double, point.value);
}

function writeExponentialPoint(writer: ProtobufWriter, point: ExponentialPoint): void {
  const fields = F.exponentialPoint;
  writeAttributes(writer, fields.attributes, point.attributes);
  writer.fixed64(fields.start, point.startNs);
  writer.fixed64(fields.time, point.timeNs);
  writer.fixed64(fields.count, BigInt(point.count));
  writer.double(fields.sum, point.sum);
  writer.zigzag(fields.scale, point.scale);
  writer.fixed64(fields.zeroCount, BigInt(point.zeroCount));
  writer.message(fields.positive, () => {
    writer.zigzag(F.buckets.offset, point.offset);
    writer.packedVarints(F.buckets.counts, point.counts);
  });
}

function writeAttributes(writer: ProtobufWriter, field: number, attributes: Attributes): void {
  for (const key of Object.keys(attributes)) {
    writer.message(field, () => {
      writer.string(F.keyValue.key, key);
      writer.message(F.keyValue.value, () => writeValue(writer, attributes[key] as AttributeValue));
    });
  }
}

function writeValue(writer: ProtobufWriter, value: AttributeValue): void {
  if (typeof value === "string") writer.string(F.anyValue.string, value);
  else if (typeof value === "boolean") writer.varint(F.anyValue.bool, value ? 1 : 0);
  else if (Number.isSafeInteger(value)) writer.varint(F.anyValue.int, value);
  else writer.double(F.anyValue.double, value);
}
