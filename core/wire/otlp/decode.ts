import { attributesOf, textOf } from "./attributes.ts";
import type { LogRecord, Received, ReceivedMetric, Resource, SpanData } from "./model.ts";
import { readMetric } from "./points.ts";
import { type RawMessage, readProtobuf } from "./read.ts";
import { readJson } from "./read-json.ts";
import { OTLP_REQUESTS, type OtlpSignal } from "./schema.ts";

export type OtlpEncoding = "protobuf" | "json";

const NS_PER_MS = 1_000_000n;
const [TRACE_ID_HEX, SPAN_ID_HEX] = [32, 16];

/**
 * An ExportTraceServiceRequest. Spans without a usable id are counted in `invalid`, the rest is kept.
 *
 * @throws {CodedError} WIRE_PROTOBUF, OTLP_JSON, OTLP_TOO_LARGE: nothing of the request is usable
 */
export function decodeTraces(bytes: Uint8Array, encoding: OtlpEncoding): Received<SpanData> {
  return decode(bytes, encoding, "traces", (raw) => [spanOf(raw)]);
}

/** An ExportMetricsServiceRequest; summaries count as invalid, points that say "no value" are left out. */
export function decodeMetrics(bytes: Uint8Array, encoding: OtlpEncoding): Received<ReceivedMetric> {
  return decode(bytes, encoding, "metrics", readMetric);
}

/** An ExportLogsServiceRequest. */
export function decodeLogs(bytes: Uint8Array, encoding: OtlpEncoding): Received<LogRecord> {
  return decode(bytes, encoding, "logs", (raw) => [logRecordOf(raw)]);
}

/** Names of the three nested lists, per signal. */
const LISTS = {
  traces: ["resourceSpans", "scopeSpans", "spans"],
  metrics: ["resourceMetrics", "scopeMetrics", "metrics"],
  logs: ["resourceLogs", "scopeLogs", "logRecords"],
} as const;

function decode<T>(
  bytes: Uint8Array,
  encoding: OtlpEncoding,
  signal: OtlpSignal,
  read: (raw: RawMessage) => readonly (T | number | undefined)[],
): Received<T> {
  const schema = OTLP_REQUESTS[signal];
  const raw = encoding === "json" ? readJson(bytes, schema) : readProtobuf(bytes, schema);
  const [resources, scopes, items] = LISTS[signal];
  let invalid = 0;
  const parts = listOf(raw, resources).map((part) => {
    const all = listOf(part, scopes).flatMap((scope) => listOf(scope, items).flatMap(read));
    for (const item of all) invalid += item === undefined ? 1 : typeof item === "number" ? item : 0;
    const kept = all.filter((item) => item !== undefined && typeof item !== "number") as T[];
    return { resource: resourceOf(part), items: kept };
  });
  return { parts, invalid };
}

function listOf(raw: RawMessage, name: string): RawMessage[] {
  return (raw[name] as RawMessage[] | undefined) ?? [];
}

function resourceOf(part: RawMessage): Resource {
  return attributesOf((part["resource"] as RawMessage | undefined)?.["attributes"]);
}

function spanOf(raw: RawMessage): SpanData | undefined {
  const { traceId, spanId, parentSpanId } = raw;
  if (!isId(traceId, TRACE_ID_HEX) || !isId(spanId, SPAN_ID_HEX)) return undefined;
  const status = (raw["status"] as RawMessage | undefined) ?? {};
  return {
    traceId,
    spanId,
    ...(isId(parentSpanId, SPAN_ID_HEX) ? { parentSpanId } : {}),
    name: String(raw["name"] ?? ""),
    kind: oneOf(raw["kind"], [1, 2, 3, 4, 5], 1),
    startNs: timeOf(raw["startTimeUnixNano"]),
    endNs: timeOf(raw["endTimeUnixNano"]),
    attributes: attributesOf(raw["attributes"]),
    statusCode: oneOf(status["code"], [0, 1, 2], 0),
    ...(status["message"] === undefined ? {} : { statusMessage: String(status["message"]) }),
  };
}

function logRecordOf(raw: RawMessage): LogRecord {
  const time = timeOf(raw["timeUnixNano"]);
  const { traceId, spanId } = raw;
  return {
    timeMs: Number((time === 0n ? timeOf(raw["observedTimeUnixNano"]) : time) / NS_PER_MS),
    severityNumber: Number(raw["severityNumber"] ?? 0),
    body: textOf(raw["body"]),
    attributes: attributesOf(raw["attributes"]),
    ...(isId(traceId, TRACE_ID_HEX) ? { traceId } : {}),
    ...(isId(spanId, SPAN_ID_HEX) ? { spanId } : {}),
  };
}

/** All zeroes is "no id" in W3C trace context and invalid in OTLP. */
function isId(value: unknown, hexLength: number): value is string {
  return typeof value === "string" && value.length === hexLength && /[^0]/.test(value);
}

function timeOf(value: unknown): bigint {
  return typeof value === "bigint" ? value : 0n;
}

function oneOf<const T extends number>(value: unknown, known: readonly T[], fallback: T): T {
  return known.find((candidate) => candidate === value) ?? fallback;
}
