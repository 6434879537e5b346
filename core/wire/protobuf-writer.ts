/**
 * Writes the protobuf wire format into one growing buffer; nested messages are written in place.
 * Proto3 rules: a field equal to its default is left out by the caller's choice, never here.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export const WIRE_TYPE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const FIRST_BYTES = 1024;
const utf8 = new TextEncoder();
const TWO_32 = 2 ** 32;

export class ProtobufWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** A copy of what was written so far. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** uint64, int64, uint32, bool and enum fields. Integers only; negative ones take ten bytes, as the format says. */
  varint(field: number, value: number | bigint): void {
    this.#tag(field, WIRE_TYPE.varint);
    this.#varint(value);
  }

  /** sint32 and sint64: small negative numbers stay small. */
  zigzag(field: number, value: number): void {
    this.varint(field, value < 0 ? -2 * value - 1 : 2 * value);
  }

  double(field: number, value: number): void {
    this.#tag(field, WIRE_TYPE.fixed64);
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** fixed64 and sfixed64. */
  fixed64(field: number, value: bigint): void {
    this.#tag(field, WIRE_TYPE.fixed64);
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, BigInt.asUintN(64, value), true);
    this.#length += 8;
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, WIRE_TYPE.bytes);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  string(field: number, value: string): void {
    this.#lengthPrefixed(field, () => {
      this.#reserve(value.length * 3);
      this.#length += utf8.encodeInto(value, this.#bytes.subarray(this.#length)).written;
    });
  }

  message(field: number, write: (writer: ProtobufWriter) => void): void {
    this.#lengthPrefixed(field, () => write(this));
  }

  /** A packed repeated uint64; empty lists write nothing. */
  packedVarints(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.#lengthPrefixed(field, () => {
      for (const value of values) this.#varint(value);
    });
  }

  /** Guesses one byte for the length and moves the content when it needs more: most nested messages are short. */
  #lengthPrefixed(field: number, write: () => void): void {
    this.#tag(field, WIRE_TYPE.bytes);
    this.#reserve(1);
    const start = this.#length + 1;
    this.#length = start;
    write();
    const length = this.#length - start;
    const extra = varintSize(length) - 1;
    if (extra > 0) {
      this.#reserve(extra);
      this.#bytes.copyWithin(start + extra, start, start + length);
    }
    this.#length = start - 1;
    this.#varint(length);
    this.#length += length;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === "bigint" || value < 0 || value > Number.MAX_SAFE_INTEGER) {
      this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    while (value >= TWO_32) {
      this.#bytes[this.#length++] = (value % 128) + 128;
      value = Math.floor(value / 128);
    }
    while (value > 127) {
      this.#bytes[this.#length++] = (value & 127) | 128;
      value = value >>> 7;
    }
    this.#bytes[this.#length++] = value;
  }

  #bigVarint(value: bigint): void {
    while (value > 127n) {
      this.#bytes[this.#length++] = Number(value & 127n) | 128;
      value >>= 7n;
    }
    this.#bytes[this.#length++] = Number(value);
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}
