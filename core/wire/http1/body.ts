import { Http1Error } from "./errors.ts";
import { IS_VALUE } from "./fields.ts";
import { forbiddenTrailer, HeadScanner } from "./head.ts";
import { BODY } from "./message.ts";

/** Most bytes of chunk extensions in one body: they carry nothing, so more is an attack on the reader's time. */
export const CHUNK_EXTENSIONS_LIMIT_BYTES = 16 * 1024;
/** Most hex digits of a chunk size; 13 stay below 2^53. */
export const CHUNK_SIZE_DIGITS = 13;
/** Longest trailer section, in bytes. */
export const TRAILER_LIMIT_BYTES = 8 * 1024;

const CR = 13;
const LF = 10;
const SEMICOLON = 0x3b;
const AT = { size: 0, extension: 1, sizeLf: 2, data: 3, dataCr: 4, dataLf: 5, trailers: 6, done: 7 } as const;

/** What a body hands on: bytes that were judged, in order, none twice. `data` excludes chunk framing. */
export interface BodyEvents {
  /** bytes[from, to) of the body as it travels, chunk framing included. */
  body(bytes: Uint8Array, from: number, to: number): void;
  /** bytes[from, to) of the content alone; always inside the span of the next `body` call. */
  data?(bytes: Uint8Array, from: number, to: number): void;
}

/**
 * Follows one body to its end. Chunked framing is validated byte by byte and passed on as it came; trailers are held
 * back until they are complete and judged. Split-independent like the head scanner.
 */
export class BodyScanner {
  done = true;
  #body: number = BODY.none;
  #left = 0;
  #state: number = AT.size;
  #digits = 0;
  #extensions = 0;
  #trailers: HeadScanner | undefined;
  #held: number[] = [];

  /** @param length  bytes, when body is BODY.length */
  begin(body: number, length: number): void {
    this.#body = body;
    this.#left = body === BODY.length ? length : 0;
    this.#state = AT.size;
    this.#digits = 0;
    this.#extensions = 0;
    this.done = body === BODY.none || (body === BODY.length && length === 0);
  }

  /** Only a close-delimited body may end with its connection. */
  get endsWithConnection(): boolean {
    return this.#body === BODY.close;
  }

  /** @returns where the body's bytes end in this chunk (`to` unless done). @throws {Http1Error} */
  scan(bytes: Uint8Array, from: number, to: number, events: BodyEvents): number {
    if (this.done) return from;
    if (this.#body === BODY.chunked) return this.#chunked(bytes, from, to, events);
    const end = this.#body === BODY.close ? to : Math.min(to, from + this.#left);
    if (this.#body === BODY.length) {
      this.#left -= end - from;
      this.done = this.#left === 0;
    }
    if (end > from) {
      events.data?.(bytes, from, end);
      events.body(bytes, from, end);
    }
    return end;
  }

  #chunked(bytes: Uint8Array, from: number, to: number, events: BodyEvents): number {
    let at = from;
    while (at < to && this.#state < AT.trailers) at = this.#chunkStep(bytes, at, to, events);
    if (at > from) events.body(bytes, from, at);
    return this.#state === AT.trailers && at < to ? this.#trailerBytes(bytes, at, to, events) : at;
  }

  #chunkStep(bytes: Uint8Array, at: number, to: number, events: BodyEvents): number {
    switch (this.#state) {
      case AT.size:
        return this.#size(bytes[at] as number, at);
      case AT.extension:
        return this.#extension(bytes[at] as number, at);
      case AT.sizeLf:
        return this.#sizeEnds(bytes[at] as number, at);
      case AT.data:
        return this.#data(bytes, at, to, events);
      case AT.dataCr:
        return this.#expect(bytes[at] as number, CR, AT.dataLf, at);
      default:
        this.#digits = 0;
        return this.#expect(bytes[at] as number, LF, AT.size, at);
    }
  }

  #size(byte: number, at: number): number {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > CHUNK_SIZE_DIGITS) throw new Http1Error("HTTP1_CHUNK");
      this.#left = this.#left * 16 + digit;
      return at + 1;
    }
    if (this.#digits === 0 || (byte !== CR && byte !== SEMICOLON)) throw new Http1Error("HTTP1_CHUNK");
    this.#state = byte === CR ? AT.sizeLf : AT.extension;
    return at + 1;
  }

  #extension(byte: number, at: number): number {
    if (byte === CR) this.#state = AT.sizeLf;
    else if (IS_VALUE[byte] !== 1 || ++this.#extensions > CHUNK_EXTENSIONS_LIMIT_BYTES)
      throw new Http1Error("HTTP1_CHUNK");
    return at + 1;
  }

  #sizeEnds(byte: number, at: number): number {
    if (byte !== LF) throw new Http1Error("HTTP1_CHUNK");
    this.#state = this.#left > 0 ? AT.data : AT.trailers;
    return at + 1;
  }

  #data(bytes: Uint8Array, at: number, to: number, events: BodyEvents): number {
    const end = Math.min(to, at + this.#left);
    this.#left -= end - at;
    events.data?.(bytes, at, end);
    if (this.#left === 0) this.#state = AT.dataCr;
    return end;
  }

  #expect(byte: number, expected: number, next: number, at: number): number {
    if (byte !== expected) throw new Http1Error("HTTP1_CHUNK");
    this.#state = next;
    return at + 1;
  }

  /** Once per body, and short: bytes are collected one by one until the section is complete and judged. */
  #trailerBytes(bytes: Uint8Array, from: number, to: number, events: BodyEvents): number {
    this.#trailers ??= new HeadScanner("trailers", TRAILER_LIMIT_BYTES);
    const room = TRAILER_LIMIT_BYTES - this.#held.length;
    const before = this.#held.length;
    for (let at = from; at < Math.min(to, from + room); at++) this.#held.push(bytes[at] as number);
    const section = Uint8Array.from(this.#held);
    if (!this.#trailers.scan(section, 0, section.length)) return to;
    const { length } = this.#trailers;
    if (forbiddenTrailer(this.#trailers)) throw new Http1Error("HTTP1_TRAILER");
    this.#trailers.reset();
    this.#held = [];
    this.#state = AT.done;
    this.done = true;
    events.body(section, 0, length);
    return from + length - before;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
