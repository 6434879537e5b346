import { CodedError } from "../../base/errors.ts";

/**
 * Distinguished encoding of ASN.1 values: only the part X.509 and PKCS#10 use.
 * @see ITU-T X.690 section 10
 */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** [n] as a primitive (implicit) or constructed (explicit) context tag. */
export const contextTag = (n: number): number => 0x80 | n;
export const explicitTag = (n: number): number => 0xa0 | n;

/** One value: its tag, its content and its whole encoding, both views into the input. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly encoded: Uint8Array;
}

/** Largest encoding read, in bytes; a workload certificate or request is about 700. */
export const DER_LIMIT_BYTES = 64 * 1024;
/** Most values in one SEQUENCE or SET; a certificate's longest has about a dozen. */
export const DER_CHILDREN_LIMIT = 256;

export function derInvalid(why: string): CodedError {
  return new CodedError(
    "DER_INVALID",
    `ASN.1 value: ${why}`,
    "send DER: definite, shortest lengths, nothing after the value",
  );
}

/**
 * The one value that fills `bytes` exactly.
 *
 * @throws {CodedError} DER_INVALID on indefinite or padded lengths, truncation, trailing bytes, oversize
 */
export function readDer(bytes: Uint8Array): DerValue {
  if (bytes.length > DER_LIMIT_BYTES) throw derInvalid(`larger than ${DER_LIMIT_BYTES} bytes`);
  const value = readAt(bytes, 0);
  if (value.encoded.length !== bytes.length) throw derInvalid("bytes after its end");
  return value;
}

/** The values inside a constructed one, in order. @throws {CodedError} DER_INVALID */
export function children(value: DerValue): DerValue[] {
  if ((value.tag & 0x20) === 0) throw derInvalid("expected a constructed value");
  const list: DerValue[] = [];
  for (let offset = 0; offset < value.content.length; ) {
    if (list.length === DER_CHILDREN_LIMIT) throw derInvalid(`more than ${DER_CHILDREN_LIMIT} values in one`);
    const child = readAt(value.content, offset);
    list.push(child);
    offset += child.encoded.length;
  }
  return list;
}

/** The value if it has this tag. @throws {CodedError} DER_INVALID */
export function expectTag(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag === tag) return value;
  const found = value === undefined ? "nothing" : `tag 0x${value.tag.toString(16)}`;
  throw derInvalid(`expected tag 0x${tag.toString(16)}, found ${found}`);
}

function readAt(bytes: Uint8Array, offset: number): DerValue {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw derInvalid("cut short");
  if ((tag & 0x1f) === 0x1f) throw derInvalid("multi-byte tag");
  const { length, header } = readLength(bytes, offset + 1, first);
  const start = offset + 1 + header;
  const end = start + length;
  if (end > bytes.length) throw derInvalid("cut short");
  return { tag, content: bytes.subarray(start, end), encoded: bytes.subarray(offset, end) };
}

/** @returns the content's length and how many bytes the length itself took */
function readLength(bytes: Uint8Array, at: number, first: number): { length: number; header: number } {
  if (first < 0x80) return { length: first, header: 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 3) throw derInvalid(count === 0 ? "indefinite length" : "length of more than 3 bytes");
  let length = 0;
  for (let i = 1; i <= count; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw derInvalid("cut short");
    length = length * 256 + byte;
  }
  if (length < 0x80 || length < 256 ** (count - 1)) throw derInvalid("padded length");
  return { length, header: 1 + count };
}

/** Dotted text of an OBJECT IDENTIFIER; arcs may exceed 64 bits (2.25.<uuid>). @throws {CodedError} DER_INVALID */
export function readOid(value: DerValue): string {
  const bytes = expectTag(value, TAG.oid).content;
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const [index, byte] of bytes.entries()) {
    if (arc === 0n && byte === 0x80) throw derInvalid("padded object identifier");
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (arc >> 160n > 0n) throw derInvalid("object identifier arc over 160 bits");
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0n;
    } else if (index === bytes.length - 1) throw derInvalid("object identifier cut short");
  }
  const [head, ...rest] = arcs;
  if (head === undefined) throw derInvalid("empty object identifier");
  const root = head < 40n ? 0n : head < 80n ? 1n : 2n;
  return [root, head - root * 40n, ...rest].join(".");
}

/** A BIT STRING of whole bytes. @throws {CodedError} DER_INVALID */
export function readBitString(value: DerValue): { bytes: Uint8Array; unusedBits: number } {
  const { content } = expectTag(value, TAG.bitString);
  const unusedBits = content[0];
  if (unusedBits === undefined || unusedBits > 7 || (content.length === 1 && unusedBits > 0)) {
    throw derInvalid("malformed BIT STRING");
  }
  return { bytes: content.subarray(1), unusedBits };
}

/** @throws {CodedError} DER_INVALID */
export function readBoolean(value: DerValue): boolean {
  const { content } = expectTag(value, TAG.boolean);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw derInvalid("malformed BOOLEAN");
  return content[0] === 0xff;
}

/** UTCTime or GeneralizedTime in the one form RFC 5280 section 4.1.2.5 allows, as ms. @throws {CodedError} DER_INVALID */
export function readTime(value: DerValue | undefined): number {
  const text = value === undefined ? "" : new TextDecoder("latin1").decode(value.content);
  const utc = value?.tag === TAG.utcTime && /^\d{12}Z$/.test(text);
  const generalized = value?.tag === TAG.generalizedTime && /^\d{14}Z$/.test(text);
  if (!utc && !generalized) throw derInvalid("expected a time");
  const full = utc ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) throw derInvalid("no such time");
  return ms;
}
