import { TAG } from "./der.ts";

/** One encoded value: tag, shortest definite length, content. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header = [tag, ...lengthBytes(length)];
  const out = new Uint8Array(header.length + length);
  out.set(header);
  let offset = header.length;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(TAG.sequence, ...parts);
export const setOf = (...parts: readonly Uint8Array[]): Uint8Array => der(TAG.set, ...parts);
export const octetString = (content: Uint8Array): Uint8Array => der(TAG.octetString, content);
export const utf8String = (text: string): Uint8Array => der(TAG.utf8String, new TextEncoder().encode(text));
export const boolean = (value: boolean): Uint8Array => der(TAG.boolean, Uint8Array.of(value ? 0xff : 0));

/** A non-negative INTEGER from big-endian bytes: leading zeros dropped, one added where the sign bit would be set. */
export function integer(bytes: Uint8Array): Uint8Array {
  const firstUsed = bytes.findIndex((byte) => byte !== 0);
  const used = firstUsed === -1 ? Uint8Array.of(0) : bytes.subarray(firstUsed);
  return (used[0] ?? 0) < 0x80 ? der(TAG.integer, used) : der(TAG.integer, Uint8Array.of(0), used);
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return der(TAG.bitString, Uint8Array.of(unusedBits), bytes);
}

/** Named bits (KeyUsage): bit 0 is the first; trailing zero bits are dropped as X.690 section 11.2.2 wants. */
export function namedBits(bits: readonly number[]): Uint8Array {
  const last = Math.max(...bits);
  const bytes = new Uint8Array(Math.floor(last / 8) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bitString(bytes, 7 - (last % 8));
}

/** OBJECT IDENTIFIER from dotted text written in our own source. */
export function oid(dotted: string): Uint8Array {
  const [root = 0n, second = 0n, ...rest] = dotted.split(".").map(BigInt);
  return der(TAG.oid, Uint8Array.from([root * 40n + second, ...rest].flatMap(base128)));
}

function base128(arc: bigint): number[] {
  const bytes = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 0x7fn) | 0x80);
  return bytes;
}

/** UTCTime until 2049, GeneralizedTime after. @see RFC 5280 section 4.1.2.5 */
export function time(atMs: number): Uint8Array {
  const digits = new Date(atMs)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:T]/g, "");
  const utc = digits < "2050";
  return der(utc ? TAG.utcTime : TAG.generalizedTime, new TextEncoder().encode(utc ? digits.slice(2) : digits));
}
