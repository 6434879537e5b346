/** OTLP on the wire: requests of traces, metrics and logs. @see https://opentelemetry.io/docs/specs/otlp/ */
export { encodeMetrics, encodeTraces } from "./otlp-encode.ts";
