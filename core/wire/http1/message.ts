import { Http1Error } from "./errors.ts";
import { ascii, FIELD, fieldKind, IS_AUTHORITY, IS_TOKEN, sameName } from "./fields.ts";
import type { HeadScanner } from "./head.ts";

/** How a message's body ends. @see RFC 9112 section 6.3 */
export const BODY = { none: 0, length: 1, chunked: 2, close: 3 } as const;

/** Most digits of a Content-Length; 15 stay below 2^53. */
export const CONTENT_LENGTH_DIGITS = 15;

/** Most names in the Connection fields of one message: each is compared with every field. */
export const CONNECTION_NAMES_LIMIT = 64;

const CHUNKED = ascii("chunked");
const CLOSE = ascii("close");
const KEEP_ALIVE = ascii("keep-alive");
const UPGRADE = ascii("upgrade");
const H2C = ascii("h2c");
const HTTP_SCHEME = ascii("http://");
const HTTP_PORT = ascii(":80");
const CONTINUE = ascii("100-continue");

/** What both kinds of head say of their framing and connection; filled anew per message, never allocated on the way. */
export class Framing {
  /** A value of BODY. */
  body: number = BODY.none;
  /** Bytes, when `body` is BODY.length. */
  length = 0;
  /** The sender keeps the connection open after this message. */
  keepAlive = true;

  protected hasLength = false;
  protected hasCoding = false;
  protected wantsClose = false;
  protected wantsKeepAlive = false;
  protected wantsUpgrade = false;
  #nominated = 0;

  protected clear(): void {
    this.body = BODY.none;
    this.length = 0;
    this.#nominated = 0;
    this.hasLength = this.hasCoding = this.wantsClose = this.wantsKeepAlive = this.wantsUpgrade = false;
  }

  /** @throws {Http1Error} when readers could disagree about where the body ends */
  protected frame(head: HeadScanner, bytes: Uint8Array, start: number): void {
    for (let field = 0; field < head.fieldCount; field++) {
      const kind = head.kind(field);
      if (kind === FIELD.contentLength) this.#contentLength(head, field, bytes, start);
      else if (kind === FIELD.transferEncoding) this.#transferEncoding(head, field, bytes, start);
      else if (kind === FIELD.connection) this.#connection(head, field, bytes, start);
    }
    if (this.hasLength && this.hasCoding) throw new Http1Error("HTTP1_LENGTH_AND_CODING");
    if (this.hasCoding && head.minor === 0) throw new Http1Error("HTTP1_TRANSFER_CODING");
    this.keepAlive = !this.wantsClose && (head.minor === 1 || this.wantsKeepAlive);
  }

  #contentLength(head: HeadScanner, field: number, bytes: Uint8Array, start: number): void {
    const from = start + head.valueStart(field);
    const to = start + head.valueEnd(field);
    if (this.hasLength || to === from || to - from > CONTENT_LENGTH_DIGITS)
      throw new Http1Error("HTTP1_CONTENT_LENGTH");
    let length = 0;
    for (let at = from; at < to; at++) {
      const digit = (bytes[at] as number) - 0x30;
      if (digit < 0 || digit > 9) throw new Http1Error("HTTP1_CONTENT_LENGTH");
      length = length * 10 + digit;
    }
    this.hasLength = true;
    this.length = length;
    this.body = BODY.length;
  }

  #transferEncoding(head: HeadScanner, field: number, bytes: Uint8Array, start: number): void {
    const from = start + head.valueStart(field);
    const to = start + head.valueEnd(field);
    if (this.hasCoding || !endsInChunked(bytes, from, to)) throw new Http1Error("HTTP1_TRANSFER_CODING");
    if (to - from !== CHUNKED.length) throw new Http1Error("HTTP1_CODING_UNKNOWN");
    this.hasCoding = true;
    this.body = BODY.chunked;
  }

  #connection(head: HeadScanner, field: number, bytes: Uint8Array, start: number): void {
    forEachToken(bytes, start + head.valueStart(field), start + head.valueEnd(field), (from, to) => {
      if (isToken(bytes, from, to, CLOSE)) this.wantsClose = true;
      else if (isToken(bytes, from, to, KEEP_ALIVE)) this.wantsKeepAlive = true;
      else if (isToken(bytes, from, to, UPGRADE)) this.wantsUpgrade = true;
      else if (++this.#nominated <= CONNECTION_NAMES_LIMIT) nominate(head, bytes, start, from, to);
      else throw new Http1Error("HTTP1_CONNECTION", `more than ${CONNECTION_NAMES_LIMIT} names`);
    });
  }
}

/** A request head that was judged: well formed, one Host, unambiguous framing. */
export class RequestHead extends Framing {
  method = "";
  /** Offsets of the authority (host[:port]) from the first byte of the head; equal when an HTTP/1.0 request has none. */
  hostStart = 0;
  hostEnd = 0;
  /** Offsets of the origin-form target; equal when an absolute-form target has no path and means "/". */
  pathStart = 0;
  pathEnd = 0;
  expectsContinue = false;
  /** Asks for another protocol than h2c (an offer of h2c may be ignored). */
  upgrade = false;
  /** Field number, or -1. */
  traceparent = -1;

  /** @throws {Http1Error} */
  judge(head: HeadScanner, bytes: Uint8Array, start: number): void {
    this.clear();
    this.expectsContinue = this.upgrade = false;
    this.traceparent = -1;
    this.method = methodName(bytes, start + head.methodStart, start + head.methodEnd);
    this.frame(head, bytes, start);
    let host = -1;
    for (let field = 0; field < head.fieldCount; field++) {
      const kind = head.kind(field);
      if (kind === FIELD.host) {
        if (host !== -1) throw new Http1Error("HTTP1_HOST");
        host = field;
      } else if (kind === FIELD.traceparent) this.traceparent = this.traceparent === -1 ? field : -2;
      else if (kind === FIELD.expect) this.#expect(head, field, bytes, start);
      else if (kind === FIELD.upgrade) this.#upgrade(head, field, bytes, start);
    }
    this.#host(head, host, bytes, start);
    this.#target(head, bytes, start);
  }

  #expect(head: HeadScanner, field: number, bytes: Uint8Array, start: number): void {
    this.expectsContinue = isToken(bytes, start + head.valueStart(field), start + head.valueEnd(field), CONTINUE);
  }

  #upgrade(head: HeadScanner, field: number, bytes: Uint8Array, start: number): void {
    const offered = isToken(bytes, start + head.valueStart(field), start + head.valueEnd(field), H2C);
    if (this.wantsUpgrade && !offered) this.upgrade = true;
  }

  #host(head: HeadScanner, field: number, bytes: Uint8Array, start: number): void {
    this.hostStart = this.hostEnd = 0;
    if (field === -1) {
      if (head.minor === 1) throw new Http1Error("HTTP1_HOST");
      return;
    }
    this.hostStart = head.valueStart(field);
    this.hostEnd = head.valueEnd(field);
    checkAuthority(bytes, start + this.hostStart, start + this.hostEnd);
  }

  #target(head: HeadScanner, bytes: Uint8Array, start: number): void {
    this.pathStart = head.targetStart;
    this.pathEnd = head.targetEnd;
    const first = bytes[start + head.targetStart];
    if (first === 0x2f) return;
    if (this.method === "CONNECT") return;
    if (first === 0x2a && head.targetEnd - head.targetStart === 1 && this.method === "OPTIONS") return;
    this.#absoluteForm(head, bytes, start);
  }

  #absoluteForm(head: HeadScanner, bytes: Uint8Array, start: number): void {
    const from = start + head.targetStart;
    const to = start + head.targetEnd;
    if (to - from <= HTTP_SCHEME.length || !sameName(bytes, from, HTTP_SCHEME)) throw new Http1Error("HTTP1_TARGET");
    const authority = from + HTTP_SCHEME.length;
    let at = authority;
    while (at < to && bytes[at] !== 0x2f && bytes[at] !== 0x3f) at++;
    checkAuthority(bytes, authority, at);
    if (bytes[at] === 0x3f) throw new Http1Error("HTTP1_TARGET", "an absolute-form target with a query but no path");
    if (!sameAuthority(bytes, authority, at, start + this.hostStart, start + this.hostEnd))
      throw new Http1Error("HTTP1_HOST_MISMATCH");
    this.pathStart = at - start;
  }
}

/** A response head that was judged against the method of its request. */
export class ResponseHead extends Framing {
  status = 0;

  /** @param method  of the request it answers: a response to HEAD has no body. @throws {Http1Error} */
  judge(head: HeadScanner, bytes: Uint8Array, start: number, method: string): void {
    this.clear();
    this.status = head.status;
    this.frame(head, bytes, start);
    const never = this.status < 200 || this.status === 204;
    if (never && (this.hasCoding || this.length > 0)) throw new Http1Error("HTTP1_UNEXPECTED_BODY");
    if (never || this.status === 304 || method === "HEAD") this.body = BODY.none;
    else if (!this.hasLength && !this.hasCoding) {
      this.body = BODY.close;
      this.keepAlive = false;
    }
  }
}

const METHODS = ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"].map((name) => ({
  name,
  bytes: ascii(name),
}));

/** Once per request; no allocation for the methods of RFC 9110 and PATCH. */
function methodName(bytes: Uint8Array, from: number, to: number): string {
  for (const { name, bytes: expected } of METHODS) {
    if (expected.length === to - from && sameBytes(bytes, from, expected)) return name;
  }
  return String.fromCharCode(...bytes.subarray(from, to));
}

function sameBytes(bytes: Uint8Array, from: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[from + i] !== expected[i]) return false;
  return true;
}

function isToken(bytes: Uint8Array, from: number, to: number, lowerCase: Uint8Array): boolean {
  return to - from === lowerCase.length && sameName(bytes, from, lowerCase);
}

function endsInChunked(bytes: Uint8Array, from: number, to: number): boolean {
  let last = from;
  let codings = 0;
  forEachToken(bytes, from, to, (tokenFrom, tokenTo) => {
    if (isToken(bytes, tokenFrom, tokenTo, CHUNKED)) codings++;
    last = tokenFrom;
  });
  return codings === 1 && isToken(bytes, last, to, CHUNKED);
}

/** Calls back with each element of a comma-separated list, spaces trimmed, empty elements skipped. */
function forEachToken(bytes: Uint8Array, from: number, to: number, each: (from: number, to: number) => void): void {
  let first = from;
  for (let at = from; at <= to; at++) {
    if (at < to && bytes[at] !== 0x2c) continue;
    let end = at;
    while (first < end && (bytes[first] === 32 || bytes[first] === 9)) first++;
    while (end > first && (bytes[end - 1] === 32 || bytes[end - 1] === 9)) end--;
    if (end > first) each(first, end);
    first = at + 1;
  }
}

/** Marks the fields that Connection names, so that they are not forwarded. */
function nominate(head: HeadScanner, bytes: Uint8Array, start: number, from: number, to: number): void {
  const name = bytes.subarray(from, to).map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte));
  if (!name.every((byte) => IS_TOKEN[byte] === 1)) throw new Http1Error("HTTP1_CONNECTION", "not a list of names");
  const kind = fieldKind(bytes, from, to);
  if (kind !== FIELD.other && kind !== FIELD.hop) throw new Http1Error("HTTP1_CONNECTION");
  for (let field = 0; field < head.fieldCount; field++) {
    const nameStart = head.nameStart(field);
    if (head.nameEnd(field) - nameStart !== name.length) continue;
    if (lowerEquals(bytes, start + nameStart, name)) head.setKind(field, FIELD.nominated);
  }
}

function lowerEquals(bytes: Uint8Array, from: number, name: Uint8Array): boolean {
  return name.every((expected, i) => {
    const byte = bytes[from + i] as number;
    return (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) === expected;
  });
}

function checkAuthority(bytes: Uint8Array, from: number, to: number): void {
  if (from === to) throw new Http1Error("HTTP1_HOST");
  for (let at = from; at < to; at++) if (IS_AUTHORITY[bytes[at] as number] !== 1) throw new Http1Error("HTTP1_HOST");
}

/** Case-insensitive, and ":80" means nothing in an http authority. */
function sameAuthority(bytes: Uint8Array, aFrom: number, aTo: number, bFrom: number, bTo: number): boolean {
  const a = lower(bytes, aFrom, withoutHttpPort(bytes, aFrom, aTo));
  const b = lower(bytes, bFrom, withoutHttpPort(bytes, bFrom, bTo));
  return a === b;
}

function withoutHttpPort(bytes: Uint8Array, from: number, to: number): number {
  const colon = to - HTTP_PORT.length;
  return colon > from && sameBytes(bytes, colon, HTTP_PORT) ? colon : to;
}

function lower(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to)).toLowerCase();
}
