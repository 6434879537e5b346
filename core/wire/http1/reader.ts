import { type BodyEvents, BodyScanner } from "./body.ts";
import { HEAD_LIMIT_BYTES, type HeadKind, HeadScanner } from "./head.ts";
import { BODY } from "./message.ts";

/** What a reader tells its owner, in this order for every message: head, then body and data, then end. */
export interface ReaderEvents extends BodyEvents {
  /**
   * A complete head; `reader.scanner` holds its offsets from `start`. The owner judges it and calls `reader.body`.
   * Bytes and offsets stay as they are until the next message begins.
   */
  head(bytes: Uint8Array, start: number): void;
  /** The message is complete. */
  end(): void;
}

const HELD_AT_FIRST_BYTES = 4096;

/**
 * Cuts a byte stream into HTTP/1.1 messages. Bytes of a head that arrives whole are never copied; a split head is
 * collected in one buffer that grows to the head limit.
 */
export class MessageReader {
  readonly scanner: HeadScanner;
  /** Set by the owner to stop after the current event; `feed` then says how far it came. */
  paused = false;
  readonly #events: ReaderEvents;
  readonly #body = new BodyScanner();
  #inBody = false;
  /** The last head was handed out: its offsets stay readable until the next one begins. */
  #spent = false;
  #held: Uint8Array | undefined;
  #heldLength = 0;

  constructor(kind: HeadKind, events: ReaderEvents) {
    this.scanner = new HeadScanner(kind);
    this.#events = events;
  }

  /** Called by the owner inside `head`: what follows that head. */
  body(body: number, length: number): void {
    this.#body.begin(body, length);
  }

  /** Between two messages: nothing of the next one was seen. */
  get idle(): boolean {
    return !this.#inBody && (this.#spent || !this.scanner.begun);
  }

  /** True when the end of the connection is also the proper end of the message. */
  get endsWithConnection(): boolean {
    return this.#inBody && this.#body.endsWithConnection;
  }

  /**
   * Takes bytes[from, to). @returns how far it came: `to`, or less when `paused` was set
   * @throws {Http1Error} after which nothing more may be fed
   */
  feed(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && !this.paused) at = this.#inBody ? this.#bodyBytes(bytes, at, to) : this.#headBytes(bytes, at, to);
    return at;
  }

  #bodyBytes(bytes: Uint8Array, at: number, to: number): number {
    const end = this.#body.scan(bytes, at, to, this.#events);
    if (this.#body.done) this.#finish();
    return end;
  }

  #headBytes(bytes: Uint8Array, at: number, to: number): number {
    if (this.#spent) {
      this.#spent = false;
      this.scanner.reset();
    }
    if (this.#heldLength > 0) return this.#continueHeld(bytes, at, to);
    if (!this.scanner.scan(bytes, at, to)) {
      this.#hold(bytes, at, to);
      return to;
    }
    const { length } = this.scanner;
    this.#headDone(bytes, at);
    return at + length;
  }

  #continueHeld(bytes: Uint8Array, at: number, to: number): number {
    const before = this.#heldLength;
    const end = Math.min(to, at + HEAD_LIMIT_BYTES - before);
    this.#hold(bytes, at, end);
    const held = this.#held as Uint8Array;
    if (!this.scanner.scan(held, 0, this.#heldLength)) return end;
    this.#heldLength = 0;
    const taken = this.scanner.length - before;
    this.#headDone(held, 0);
    return at + taken;
  }

  #hold(bytes: Uint8Array, from: number, to: number): void {
    const length = this.#heldLength + (to - from);
    if (this.#held === undefined || this.#held.length < length) {
      const larger = new Uint8Array(Math.max(HELD_AT_FIRST_BYTES, length, (this.#held?.length ?? 0) * 2));
      if (this.#held !== undefined) larger.set(this.#held.subarray(0, this.#heldLength));
      this.#held = larger;
    }
    this.#held.set(bytes.subarray(from, to), this.#heldLength);
    this.#heldLength = length;
  }

  #headDone(bytes: Uint8Array, start: number): void {
    this.#body.begin(BODY.none, 0);
    this.#inBody = true;
    this.#events.head(bytes, start);
    if (this.#body.done) this.#finish();
  }

  #finish(): void {
    this.#inBody = false;
    this.#spent = true;
    this.#events.end();
  }
}
