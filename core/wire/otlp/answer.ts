import { ProtobufWriter } from "../protobuf-writer.ts";
import type { OtlpEncoding } from "./decode.ts";
import type { OtlpSignal } from "./schema.ts";

const utf8 = new TextEncoder();
const REJECTED = { traces: "rejectedSpans", metrics: "rejectedDataPoints", logs: "rejectedLogRecords" } as const;

/**
 * An Export…ServiceResponse. Nothing rejected: an empty message, as full success must be.
 * @see https://opentelemetry.io/docs/specs/otlp/#partial-success-1
 */
export function encodeAnswer(signal: OtlpSignal, encoding: OtlpEncoding, rejected: number, why: string): Uint8Array {
  if (encoding === "json") {
    const partialSuccess = { [REJECTED[signal]]: String(rejected), errorMessage: why };
    return utf8.encode(JSON.stringify(rejected === 0 ? {} : { partialSuccess }));
  }
  const writer = new ProtobufWriter();
  if (rejected > 0) {
    writer.message(1, () => {
      writer.varint(1, rejected);
      writer.string(2, why);
    });
  }
  return writer.finish();
}

/** google.rpc.Code of the HTTP statuses the collector answers. @see google/rpc/code.proto */
const RPC_CODE: Readonly<Record<number, number>> = { 400: 3, 413: 8, 415: 3, 429: 8, 500: 13, 503: 14 };

/** A google.rpc.Status: what an OTLP/HTTP failure carries. @see https://opentelemetry.io/docs/specs/otlp/#failures-1 */
export function encodeStatus(httpStatus: number, encoding: OtlpEncoding, message: string): Uint8Array {
  const code = RPC_CODE[httpStatus] ?? 2;
  if (encoding === "json") return utf8.encode(JSON.stringify({ code, message }));
  const writer = new ProtobufWriter();
  writer.varint(1, code);
  writer.string(2, message);
  return writer.finish();
}
