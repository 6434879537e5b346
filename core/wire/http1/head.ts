import { Http1Error } from "./errors.ts";
import { ascii, FIELD, fieldKind, IS_TARGET, IS_TOKEN, IS_VALUE } from "./fields.ts";

/** Longest start line and fields together, in bytes. */
export const HEAD_LIMIT_BYTES = 64 * 1024;
/** Most field lines in one head. */
export const FIELD_LIMIT = 256;
/** Longest method accepted, in bytes; IANA's longest (UPDATEREDIRECTREF) has 17. */
export const METHOD_LIMIT_BYTES = 24;

const CR = 13;
const LF = 10;
const SP = 32;
const TAB = 9;
const COLON = 0x3a;
const VERSION = ascii("HTTP/1.");
const FIELDS_AT_FIRST = 32;
const SLOTS = 5;

/** Where the scanner stands; numbers because the loop switches on them per run of bytes. */
const AT = {
  blank: 0,
  blankLf: 1,
  method: 2,
  target: 3,
  requestVersion: 4,
  responseVersion: 5,
  status: 6,
  reason: 7,
  lineEnd: 8,
  lineLf: 9,
  field: 10,
  name: 11,
  space: 12,
  value: 13,
  valueLf: 14,
  lastLf: 15,
  done: 16,
} as const;

export type HeadKind = "request" | "response" | "trailers";
const FIRST: Readonly<Record<HeadKind, number>> = {
  request: AT.blank,
  response: AT.responseVersion,
  trailers: AT.field,
};

/**
 * Finds the parts of a head (or a trailer section) as offsets from its first byte; strings are made by nobody.
 *
 * Runs once per byte, in runs; allocates only when a head has more than 32 fields. Incremental: its answer, refusals
 * included, depends on the bytes and never on how they were split, because every state is left on a byte and a
 * refusal is raised on the first byte that cannot continue any acceptable head.
 */
export class HeadScanner {
  /** Bytes of the head, its empty last line included; valid once `scan` returned true. */
  length = 0;
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** 0 or 1: HTTP/1.0 or HTTP/1.1. */
  minor = 1;
  /** Response only: 100 to 599. */
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;
  fieldCount = 0;

  #slots = new Uint32Array(FIELDS_AT_FIRST * SLOTS);
  #state: number;
  #at = 0;
  #matched = 0;
  readonly #kind: HeadKind;
  readonly #limitBytes: number;

  constructor(kind: HeadKind, limitBytes = HEAD_LIMIT_BYTES) {
    this.#kind = kind;
    this.#limitBytes = limitBytes;
    this.#state = FIRST[kind];
  }

  /** Ready for the next head. */
  reset(): void {
    this.#state = FIRST[this.#kind];
    this.#at = 0;
    this.#matched = 0;
    this.fieldCount = 0;
    this.status = 0;
  }

  /** True once a byte of this head was taken. */
  get begun(): boolean {
    return this.#at > 0;
  }

  kind(field: number): number {
    return this.#slots[field * SLOTS + 4] as number;
  }
  setKind(field: number, kind: number): void {
    this.#slots[field * SLOTS + 4] = kind;
  }
  nameStart(field: number): number {
    return this.#slots[field * SLOTS] as number;
  }
  nameEnd(field: number): number {
    return this.#slots[field * SLOTS + 1] as number;
  }
  valueStart(field: number): number {
    return this.#slots[field * SLOTS + 2] as number;
  }
  valueEnd(field: number): number {
    return this.#slots[field * SLOTS + 3] as number;
  }

  /**
   * Goes on where the last call stopped.
   *
   * @param bytes  holds the whole head so far, contiguous, from `start`; earlier bytes unchanged since the last call
   * @returns true when the head is complete; `length` then says where it ends
   * @throws {Http1Error} on the first byte that makes the head unacceptable
   */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    const limit = start + this.#limitBytes;
    const stop = Math.min(end, limit);
    let at = start + this.#at;
    while (at < stop) {
      at = this.#step(bytes, start, at, stop);
      if (this.#state !== AT.done) continue;
      this.length = at - start;
      return true;
    }
    this.#at = at - start;
    if (at >= limit) throw new Http1Error(this.#kind === "trailers" ? "HTTP1_TRAILER" : "HTTP1_HEAD_TOO_LARGE");
    return false;
  }

  #step(bytes: Uint8Array, start: number, at: number, stop: number): number {
    switch (this.#state) {
      case AT.value:
        return this.#value(bytes, start, at, stop);
      case AT.name:
        return this.#name(bytes, start, at, stop);
      case AT.space:
        return this.#space(bytes, start, at);
      case AT.field:
        return this.#field(bytes, start, at);
      case AT.valueLf:
        return this.#lineFeed(bytes, at, AT.field);
      case AT.method:
        return this.#method(bytes, start, at, stop);
      case AT.target:
        return this.#target(bytes, start, at, stop);
      case AT.lastLf:
        return this.#lineFeed(bytes, at, AT.done);
      default:
        return this.#startLine(bytes, start, at);
    }
  }

  #startLine(bytes: Uint8Array, start: number, at: number): number {
    switch (this.#state) {
      case AT.blank:
        return this.#blank(bytes, start, at);
      case AT.blankLf:
        return this.#lineFeed(bytes, at, AT.blank);
      case AT.requestVersion:
      case AT.responseVersion:
        return this.#version(bytes, at);
      case AT.status:
        return this.#statusDigit(bytes, start, at);
      case AT.reason:
        return this.#reason(bytes, start, at);
      case AT.lineEnd:
        return this.#expectCr(bytes, at, AT.lineLf);
      default:
        return this.#lineFeed(bytes, at, AT.field);
    }
  }

  /** A client may send empty lines before a request. @see RFC 9112 section 2.2 */
  #blank(bytes: Uint8Array, start: number, at: number): number {
    if (bytes[at] === CR) this.#state = AT.blankLf;
    else if (bytes[at] === LF) throw new Http1Error("HTTP1_LINE_END");
    else {
      this.#state = AT.method;
      this.methodStart = at - start;
      return at;
    }
    return at + 1;
  }

  #method(bytes: Uint8Array, start: number, at: number, stop: number): number {
    const last = start + this.methodStart + METHOD_LIMIT_BYTES;
    while (at < stop && IS_TOKEN[bytes[at] as number] === 1) {
      if (at >= last) throw new Http1Error("HTTP1_START_LINE", `a method longer than ${METHOD_LIMIT_BYTES} bytes`);
      at++;
    }
    if (at === stop) return at;
    if (bytes[at] !== SP || at === start + this.methodStart) throw new Http1Error("HTTP1_START_LINE");
    this.methodEnd = at - start;
    this.targetStart = at + 1 - start;
    this.#state = AT.target;
    return at + 1;
  }

  #target(bytes: Uint8Array, start: number, at: number, stop: number): number {
    while (at < stop && IS_TARGET[bytes[at] as number] === 1) at++;
    if (at === stop) return at;
    const byte = bytes[at] as number;
    if (byte === CR || byte === LF) throw new Http1Error("HTTP1_START_LINE");
    if (byte !== SP) throw new Http1Error("HTTP1_TARGET");
    if (at === start + this.targetStart) throw new Http1Error("HTTP1_START_LINE");
    this.targetEnd = at - start;
    this.#state = AT.requestVersion;
    return at + 1;
  }

  #version(bytes: Uint8Array, at: number): number {
    const byte = bytes[at] as number;
    if (this.#matched < VERSION.length) {
      if (byte !== VERSION[this.#matched]) throw this.#wrongVersion(byte);
      this.#matched++;
      return at + 1;
    }
    if (byte !== 0x30 && byte !== 0x31) throw this.#wrongVersion(byte);
    this.minor = byte - 0x30;
    this.#matched = 0;
    this.#state = this.#state === AT.requestVersion ? AT.lineEnd : AT.status;
    return at + 1;
  }

  #wrongVersion(byte: number): Http1Error {
    const digit = byte >= 0x30 && byte <= 0x39;
    return new Http1Error(digit && (this.#matched === 5 || this.#matched === 7) ? "HTTP1_VERSION" : "HTTP1_START_LINE");
  }

  /** SP, three digits, then SP reason or the end of the line; an empty reason may lack its SP, as many senders do. */
  #statusDigit(bytes: Uint8Array, start: number, at: number): number {
    const byte = bytes[at] as number;
    const place = this.#matched++;
    if (place === 0 && byte === SP) return at + 1;
    if (place >= 1 && place <= 3 && byte >= 0x30 && byte <= 0x39) {
      this.status = this.status * 10 + (byte - 0x30);
      if (place < 3 || (this.status >= 100 && this.status <= 599)) return at + 1;
    }
    if (place !== 4 || (byte !== SP && byte !== CR)) throw new Http1Error("HTTP1_START_LINE");
    this.#matched = 0;
    this.reasonStart = this.reasonEnd = at + 1 - start;
    this.#state = byte === CR ? AT.lineLf : AT.reason;
    return at + 1;
  }

  #reason(bytes: Uint8Array, start: number, at: number): number {
    const byte = bytes[at] as number;
    if (IS_VALUE[byte] === 1) return at + 1;
    this.reasonEnd = at - start;
    return this.#expectCr(bytes, at, AT.lineLf);
  }

  #expectCr(bytes: Uint8Array, at: number, next: number): number {
    if (bytes[at] !== CR) throw new Http1Error(bytes[at] === LF ? "HTTP1_LINE_END" : "HTTP1_START_LINE");
    this.#state = next;
    return at + 1;
  }

  #lineFeed(bytes: Uint8Array, at: number, next: number): number {
    if (bytes[at] !== LF) throw new Http1Error("HTTP1_LINE_END");
    this.#state = next;
    return at + 1;
  }

  #field(bytes: Uint8Array, start: number, at: number): number {
    const byte = bytes[at] as number;
    if (byte === CR) {
      this.#state = AT.lastLf;
      return at + 1;
    }
    if (byte === LF) throw new Http1Error("HTTP1_LINE_END");
    if (byte === SP || byte === TAB) throw new Http1Error("HTTP1_OBS_FOLD");
    if (this.fieldCount === FIELD_LIMIT) throw new Http1Error("HTTP1_TOO_MANY_FIELDS");
    this.#room();
    this.#slots[this.fieldCount * SLOTS] = at - start;
    this.#state = AT.name;
    return at;
  }

  #room(): void {
    if ((this.fieldCount + 1) * SLOTS <= this.#slots.length) return;
    const larger = new Uint32Array(this.#slots.length * 2);
    larger.set(this.#slots);
    this.#slots = larger;
  }

  #name(bytes: Uint8Array, start: number, at: number, stop: number): number {
    while (at < stop && IS_TOKEN[bytes[at] as number] === 1) at++;
    if (at === stop) return at;
    const slot = this.fieldCount * SLOTS;
    const nameStart = this.#slots[slot] as number;
    if (bytes[at] !== COLON || at - start === nameStart) throw new Http1Error("HTTP1_FIELD_NAME");
    this.#slots[slot + 1] = at - start;
    this.#slots[slot + 4] = fieldKind(bytes, start + nameStart, at);
    this.#state = AT.space;
    return at + 1;
  }

  #space(bytes: Uint8Array, start: number, at: number): number {
    const byte = bytes[at] as number;
    if (byte === SP || byte === TAB) return at + 1;
    this.#slots[this.fieldCount * SLOTS + 2] = at - start;
    this.#state = AT.value;
    return at;
  }

  #value(bytes: Uint8Array, start: number, at: number, stop: number): number {
    while (at < stop && IS_VALUE[bytes[at] as number] === 1) at++;
    if (at === stop) return at;
    if (bytes[at] !== CR) throw new Http1Error(bytes[at] === LF ? "HTTP1_LINE_END" : "HTTP1_FIELD_VALUE");
    const slot = this.fieldCount * SLOTS;
    const first = start + (this.#slots[slot + 2] as number);
    let last = at;
    while (last > first && (bytes[last - 1] === SP || bytes[last - 1] === TAB)) last--;
    this.#slots[slot + 3] = last - start;
    this.fieldCount++;
    this.#state = AT.valueLf;
    return at + 1;
  }
}

/** Names a trailer may not have: RFC 9110 section 6.5.1, plus ours. */
export function forbiddenTrailer(scanner: HeadScanner): boolean {
  for (let field = 0; field < scanner.fieldCount; field++) {
    const kind = scanner.kind(field);
    if (kind !== FIELD.other) return true;
  }
  return false;
}
