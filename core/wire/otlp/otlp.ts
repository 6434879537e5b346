/** OTLP on the wire: requests of traces, metrics and logs. @see https://opentelemetry.io/docs/specs/otlp/ */
export { encodeAnswer, encodeStatus } from "./answer.ts";
export { decodeLogs, decodeMetrics, decodeTraces, type OtlpEncoding } from "./decode.ts";
export { encodeMetrics, encodeTraces } from "./encode.ts";
export type { OtlpSignal } from "./schema.ts";
