/** OTLP on the wire: requests of traces, metrics and logs. @see https://opentelemetry.io/docs/specs/otlp/ */
export { encodeAnswer, encodeStatus } from "./otlp-answer.ts";
export { decodeLogs, decodeMetrics, decodeTraces, type OtlpEncoding } from "./otlp-decode.ts";
export { encodeMetrics, encodeTraces } from "./otlp-encode.ts";
export type { OtlpSignal } from "./otlp-schema.ts";
