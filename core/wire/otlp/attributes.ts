import type { Attributes, AttributeValue } from "./model.ts";
import type { RawMessage, RawValue } from "./read.ts";

/**
 * Attributes as flat values. Later duplicates win. Bytes become base64, lists and maps JSON text, an empty value "".
 * @see https://opentelemetry.io/docs/specs/otel/common/#anyvalue-representation-for-non-otlp-protocols
 */
export function attributesOf(raw: RawValue | undefined): Attributes {
  const out: Record<string, AttributeValue> = {};
  for (const pair of (raw as RawMessage[] | undefined) ?? []) {
    const key = pair["key"];
    if (typeof key === "string" && key !== "__proto__") out[key] = flat(pair["value"]);
  }
  return out;
}

/** Any value as text, as an attribute or a log body shows it. */
export function textOf(raw: RawValue | undefined): string {
  return String(flat(raw));
}

function flat(raw: RawValue | undefined): AttributeValue {
  const value = plain(raw);
  if (value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : value;
}

type Plain = AttributeValue | null | Plain[] | { [key: string]: Plain };

function plain(raw: RawValue | undefined): Plain {
  const value = (raw ?? {}) as RawMessage;
  const scalar = value["stringValue"] ?? value["boolValue"] ?? value["intValue"] ?? value["doubleValue"];
  if (scalar !== undefined) return scalar as AttributeValue;
  if (value["bytesValue"] !== undefined) return base64(value["bytesValue"] as Uint8Array);
  const list = (value["arrayValue"] as RawMessage | undefined)?.["values"];
  if (value["arrayValue"] !== undefined) return ((list as RawValue[] | undefined) ?? []).map(plain);
  return value["kvlistValue"] === undefined ? null : plainMap(value["kvlistValue"] as RawMessage);
}

function plainMap(kvlist: RawMessage): { [key: string]: Plain } {
  const pairs = (kvlist["values"] as RawMessage[] | undefined) ?? [];
  return Object.fromEntries(pairs.map((pair) => [String(pair["key"] ?? ""), plain(pair["value"])]));
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
