import { CodedError } from "../../base/errors.ts";
import { ProtobufReader } from "../protobuf.ts";
import { bytesToHex } from "./ids.ts";
import type { Field, Message, ScalarType } from "./schema.ts";

/** Most values (fields, list items, bucket counts) of one request; a small body can otherwise fill the memory. */
export const OTLP_VALUE_LIMIT = 2_000_000;
/** Deepest nesting of messages; a real request has about 10, attribute values add the rest. */
export const OTLP_DEPTH_LIMIT = 48;

/** What both decoders produce: OTLP's JSON names, numbers and bigints instead of text, hex ids. */
export interface RawMessage {
  [name: string]: RawValue | undefined;
}
export type RawValue = string | number | bigint | boolean | Uint8Array | RawMessage | RawValue[];

/** Values still allowed for the request being read. */
export interface ReadBudget {
  left: number;
}

/** @throws {CodedError} OTLP_TOO_LARGE */
export function spend(budget: ReadBudget, depth: number): void {
  if (--budget.left < 0) throw tooLarge(`more than ${OTLP_VALUE_LIMIT} values`);
  if (depth > OTLP_DEPTH_LIMIT) throw tooLarge(`nested deeper than ${OTLP_DEPTH_LIMIT} messages`);
}

/** @throws {CodedError} WIRE_PROTOBUF, OTLP_TOO_LARGE */
export function readProtobuf(bytes: Uint8Array, message: Message): RawMessage {
  return readMessage(new ProtobufReader(bytes), message, { left: OTLP_VALUE_LIMIT }, 0);
}

function readMessage(reader: ProtobufReader, message: Message, budget: ReadBudget, depth: number): RawMessage {
  const out: RawMessage = {};
  while (reader.next()) {
    const field = message.byNumber.get(reader.field);
    spend(budget, depth);
    if (field === undefined) reader.skip();
    else if (field.repeated) readRepeated(reader, field, out, budget, depth);
    else out[field.name] = readOne(reader, field, budget, depth);
  }
  return out;
}

function readRepeated(reader: ProtobufReader, field: Field, out: RawMessage, budget: ReadBudget, depth: number): void {
  out[field.name] ??= [];
  const list = out[field.name] as RawValue[];
  const packed = reader.wireType === 2 && typeof field.type === "string" ? PACKED[field.type] : undefined;
  if (packed === undefined) {
    list.push(readOne(reader, field, budget, depth));
    return;
  }
  const values = reader.nested();
  while (values.more) {
    spend(budget, depth);
    list.push(packed(values));
  }
}

function readOne(reader: ProtobufReader, field: Field, budget: ReadBudget, depth: number): RawValue {
  if (typeof field.type === "string") return SCALAR[field.type](reader);
  return readMessage(reader.nested(), field.type, budget, depth + 1);
}

const SCALAR: Readonly<Record<ScalarType, (reader: ProtobufReader) => RawValue>> = {
  string: (reader) => reader.string(),
  bytes: (reader) => reader.bytes(),
  id: (reader) => bytesToHex(reader.bytes()),
  bool: (reader) => reader.varint() !== 0,
  int: (reader) => reader.varint(),
  int64: (reader) => exactInteger(reader.int64()),
  sint32: (reader) => unzigzag(reader.varint()),
  fixed64: (reader) => reader.fixed64(),
  count: (reader) => Number(reader.fixed64()),
  sfixed64: (reader) => Number(BigInt.asIntN(64, reader.fixed64())),
  uint64: (reader) => reader.varint(),
  double: (reader) => reader.double(),
};

const PACKED: Readonly<Partial<Record<ScalarType, (reader: ProtobufReader) => RawValue>>> = {
  count: (reader) => Number(reader.packedFixed64()),
  uint64: (reader) => reader.packedVarint(),
  double: (reader) => reader.packedDouble(),
};

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** A number when nothing is lost by it, else the decimal text. */
export function exactInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

export function tooLarge(what: string): CodedError {
  return new CodedError("OTLP_TOO_LARGE", `OTLP request: ${what}`, "send smaller batches");
}
