import { CodedError } from "../base/errors.ts";
import { WIRE_TYPE } from "./protobuf-writer.ts";

const utf8 = new TextDecoder("utf-8");
/** Longest string built by character, in bytes. */
const SHORT_STRING_BYTES = 32;
const FIX = "send a complete message of the protobuf schema named in the error";

/**
 * Reads the fields of one protobuf message in the order they come; nested messages are readers of a part of the same
 * bytes, nothing is copied. Every length is checked against the enclosing message, so hostile bytes end in an error.
 *
 *     while (reader.next()) { if (reader.field === 1) name = reader.string(); else reader.skip(); }
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufReader {
  /** Number of the current field. */
  field = 0;
  /** Wire type of the current field. */
  wireType = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, view = viewOf(bytes)) {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next field; its value must then be read or skipped. @throws {CodedError} WIRE_PROTOBUF */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.field === 0 || tag > 0xffff_ffff) throw malformed("field number out of range");
    return true;
  }

  /** True while values of a packed list, or bytes of this message, remain. */
  get more(): boolean {
    return this.#at < this.#end;
  }

  /** An unsigned varint; exact up to 2^53, rounded beyond. */
  varint(): number {
    this.#expect(WIRE_TYPE.varint);
    return this.#varint();
  }

  /** An unsigned varint within a packed list. */
  packedVarint(): number {
    return this.#varint();
  }

  /** int64 as the format writes it: two's complement in a varint. */
  int64(): bigint {
    this.#expect(WIRE_TYPE.varint);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
    throw malformed("varint longer than ten bytes");
  }

  fixed64(): bigint {
    this.#expect(WIRE_TYPE.fixed64);
    return this.packedFixed64();
  }

  packedFixed64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  double(): number {
    this.#expect(WIRE_TYPE.fixed64);
    return this.packedDouble();
  }

  packedDouble(): number {
    return this.#view.getFloat64(this.#advance(8), true);
  }

  /** A view of the same memory, not a copy. */
  bytes(): Uint8Array {
    const [start, end] = this.#range();
    return this.#bytes.subarray(start, end);
  }

  /** Broken UTF-8 becomes U+FFFD: telemetry with a bad name is still telemetry. */
  string(): string {
    const [start, end] = this.#range();
    return this.#shortAscii(start, end) ?? utf8.decode(this.#bytes.subarray(start, end));
  }

  /** A reader over a nested message or a packed list. */
  nested(): ProtobufReader {
    const [start, end] = this.#range();
    return new ProtobufReader(this.#bytes, start, end, this.#view);
  }

  skip(): void {
    if (this.wireType === WIRE_TYPE.varint) this.#varint();
    else if (this.wireType === WIRE_TYPE.fixed64) this.#advance(8);
    else if (this.wireType === WIRE_TYPE.fixed32) this.#advance(4);
    else this.#range();
  }

  /** Names and label values are short ASCII; building them here is several times faster than a decoder's call. */
  #shortAscii(start: number, end: number): string | undefined {
    if (end - start > SHORT_STRING_BYTES) return undefined;
    let text = "";
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at] as number;
      if (byte > 127) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #range(): [start: number, end: number] {
    this.#expect(WIRE_TYPE.bytes);
    const length = this.#varint();
    const start = this.#advance(length);
    return [start, start + length];
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw malformed("varint longer than ten bytes");
  }

  #byte(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  /** @returns the position before moving */
  #advance(count: number): number {
    const start = this.#at;
    if (count > this.#end - start) throw malformed(`ends ${count - (this.#end - start)} bytes too early`);
    this.#at = start + count;
    return start;
  }

  #expect(wireType: number): void {
    if (this.wireType === wireType) return;
    throw malformed(`field ${this.field} has wire type ${this.wireType}, expected ${wireType}`);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(what: string): CodedError {
  return new CodedError("WIRE_PROTOBUF", `protobuf message: ${what}`, FIX);
}
