import type { Socket } from "node:net";
import { Http1Error } from "../../core/wire/http1/errors.ts";
import type { HeadScanner } from "../../core/wire/http1/head.ts";
import { RequestHead } from "../../core/wire/http1/message.ts";
import { MessageReader, type ReaderEvents } from "../../core/wire/http1/reader.ts";
import { SidecarError } from "../errors.ts";
import { HEAD_MS, KEEP_ALIVE_MS, LINGER_LIMIT_BYTES, LINGER_MS, PIPELINE_LIMIT_BYTES, STALL_MS } from "../limits.ts";
import type { Sweeper, Swept } from "./sweeper.ts";
import { socketWire, type Wire, type WireEvents } from "./wire.ts";

/** Takes a request's body as it arrives. */
export interface BodySink {
  body(bytes: Uint8Array, from: number, to: number): void;
  /** The whole body was given. */
  end(): void;
  /** The client will not send the rest, or sent something ambiguous. */
  failed(error: Error): void;
  /** The client takes response bytes again. */
  drained(): void;
}

export interface ServerEvents {
  /** One request; the next one is read after `exchange.finish`. */
  request(exchange: Exchange): void;
  /** A request that could not be judged; the connection closes after the answer. */
  malformed(connection: ServerConnection, error: Http1Error | SidecarError, startedMs: number): void;
  closed?(connection: ServerConnection): void;
}

/** One request on its way to its response. Its head stays readable until `finish`. */
export class Exchange {
  readonly connection: ServerConnection;
  readonly request: RequestHead;
  readonly head: HeadScanner;
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Monotonic milliseconds at the first byte of the head. */
  readonly startedMs: number;
  /** The whole body was read from the client. */
  bodyDone = false;
  /** Bytes of a final response were written. */
  answered = false;
  /** The client closed; nobody reads an answer. */
  gone = false;
  sink: BodySink | undefined;

  constructor(connection: ServerConnection, bytes: Uint8Array, start: number, startedMs: number) {
    this.connection = connection;
    this.request = connection.request;
    this.head = connection.reader.scanner;
    this.bytes = bytes;
    this.start = start;
    this.startedMs = startedMs;
  }

  /** A slice of the head as text; offsets as in `head` and `request`. */
  text(from: number, to: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.start + from, to - from).toString("latin1");
  }

  /** Lets the body flow into `sink`; at once `end` when there is none. */
  receive(sink: BodySink): void {
    this.sink = sink;
    if (!this.bodyDone) this.connection.readOn();
  }
}

/**
 * The client side of the proxy: one connection's requests, one after the other. Pipelined requests wait, unread, in
 * the socket; memory per connection is one head, one chunk and PIPELINE_LIMIT_BYTES at most.
 */
export class ServerConnection implements WireEvents, ReaderEvents, Swept {
  readonly request = new RequestHead();
  readonly reader: MessageReader;
  readonly wire: Wire;
  /** After the current response the connection closes: drain, age, a policy change. */
  closing = false;
  readonly #events: ServerEvents;
  readonly #sweeper: Sweeper;
  #exchange: Exchange | undefined;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #deadlineMs: number;
  #startedMs = 0;
  #lingering = false;
  #lingered = 0;
  #inputEnded = false;
  /** The client does not take what was written. */
  #clogged = false;
  /** The next request waits until it does: a pipeline must not fill our memory with its answers. */
  #nextWaits = false;
  #closed = false;

  constructor(socket: Socket, sweeper: Sweeper, events: ServerEvents) {
    this.#events = events;
    this.#sweeper = sweeper;
    this.#deadlineMs = sweeper.nowMs + KEEP_ALIVE_MS;
    this.reader = new MessageReader("request", this);
    this.wire = socketWire(socket, this);
    sweeper.add(this);
  }

  get busy(): boolean {
    return this.#exchange !== undefined;
  }

  bytes(chunk: Uint8Array): void {
    if (this.#lingering) {
      this.#linger(chunk.length);
      return;
    }
    if (this.#held.length > 0 || this.reader.paused) {
      this.#hold(chunk, 0);
      return;
    }
    if (this.reader.idle) {
      this.#startedMs = performance.now();
      this.#deadlineMs = this.#sweeper.nowMs + HEAD_MS;
    } else if (this.#exchange !== undefined) this.#deadlineMs = this.#sweeper.nowMs + STALL_MS;
    this.#feed(chunk, 0);
  }

  #feed(chunk: Uint8Array, from: number): void {
    try {
      const taken = this.reader.feed(chunk, from, chunk.length);
      if (taken < chunk.length) this.#hold(chunk, taken);
    } catch (error) {
      this.#refuse(error as Http1Error);
    }
  }

  #hold(chunk: Uint8Array, from: number): void {
    const rest = from === 0 ? chunk : chunk.subarray(from);
    this.#held.push(rest);
    this.#heldBytes += rest.length;
    if (this.#heldBytes >= PIPELINE_LIMIT_BYTES || this.#exchange?.bodyDone === false) this.wire.pause();
  }

  #refuse(error: Http1Error | SidecarError): void {
    this.reader.paused = true;
    const exchange = this.#exchange;
    if (exchange?.sink !== undefined) exchange.sink.failed(error);
    else if (exchange === undefined) this.#events.malformed(this, error, this.#startedMs);
  }

  head(bytes: Uint8Array, start: number): void {
    const { request } = this;
    request.judge(this.reader.scanner, bytes, start);
    this.reader.body(request.body, request.length);
    this.reader.paused = true;
    this.#exchange = new Exchange(this, bytes, start, this.#startedMs);
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    queueMicrotask(() => {
      if (this.#exchange !== undefined && !this.#closed) this.#events.request(this.#exchange);
    });
  }

  body(bytes: Uint8Array, from: number, to: number): void {
    this.#exchange?.sink?.body(bytes, from, to);
  }

  end(): void {
    this.reader.paused = true;
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    exchange.bodyDone = true;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    exchange.sink?.end();
  }

  /** The body may flow: what is held first, then the socket. */
  readOn(): void {
    this.#deadlineMs = this.#sweeper.nowMs + STALL_MS;
    this.reader.paused = false;
    this.#release();
    if (!this.reader.paused) this.wire.resume();
    if (this.#inputEnded && this.#exchange?.bodyDone === false) this.#truncated();
  }

  #release(): void {
    while (this.#held.length > 0 && !this.reader.paused && !this.#closed) {
      const [chunk] = this.#held.splice(0, 1) as [Uint8Array];
      this.#heldBytes -= chunk.length;
      const later = this.#held;
      this.#held = [];
      this.#feed(chunk, 0);
      this.#held.push(...later);
    }
  }

  /** The sink is full: the client is not to blame for the wait. */
  pause(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.wire.pause();
  }

  resume(): void {
    this.#deadlineMs = this.#sweeper.nowMs + STALL_MS;
    this.wire.resume();
  }

  /** @returns false when the client is slow; `sink.drained` says when to go on */
  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.wire.write(bytes)) return true;
    this.#clogged = true;
    this.#deadlineMs = this.#sweeper.nowMs + STALL_MS;
    return false;
  }

  /** The response was written whole. Reads the next request, or closes as `keepAlive` says. */
  finish(keepAlive: boolean): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (this.#closed) return;
    if (!keepAlive || this.closing || exchange?.bodyDone === false) {
      this.close(exchange?.bodyDone !== false);
      return;
    }
    this.#nextWaits = this.#clogged;
    if (!this.#nextWaits) this.#readNext();
  }

  #readNext(): void {
    this.#nextWaits = false;
    this.#deadlineMs = this.#sweeper.nowMs + KEEP_ALIVE_MS;
    this.reader.paused = false;
    if (this.#held.length > 0) this.#next();
    else if (this.#inputEnded) this.#lastInput();
    else this.wire.resume();
  }

  /** In a turn of its own, so that a long pipeline does not deepen the stack. */
  #next(): void {
    setImmediate(() => {
      this.#startedMs = performance.now();
      this.#deadlineMs = this.#sweeper.nowMs + HEAD_MS;
      this.#release();
      if (this.#exchange !== undefined || this.#closed) return;
      if (this.#inputEnded) this.#lastInput();
      else this.wire.resume();
    });
  }

  /** @param inputDone  false: request bytes are still coming; they are read for a moment so that no reset eats the answer */
  close(inputDone: boolean): void {
    if (this.#closed || this.#lingering) return;
    this.#held = [];
    this.#lingering = true;
    this.#deadlineMs = this.#sweeper.nowMs + STALL_MS;
    this.wire.end(() => {
      this.#deadlineMs = this.#sweeper.nowMs + LINGER_MS;
    });
    if (!inputDone || !this.#inputEnded) this.wire.resume();
  }

  /** Closes when nothing is in flight, else after the response. */
  closeSoon(): void {
    this.closing = true;
    if (!this.busy && this.reader.idle) this.close(true);
  }

  destroy(): void {
    this.wire.destroy();
  }

  /** For an answer that cannot be finished: its reader must not take it for a whole one. */
  reset(): void {
    this.wire.reset();
  }

  #linger(length: number): void {
    this.#lingered += length;
    if (this.#lingered > LINGER_LIMIT_BYTES) this.wire.destroy();
  }

  drained(): void {
    this.#clogged = false;
    if (this.#nextWaits) this.#readNext();
    if (this.#exchange?.bodyDone === true) this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#exchange?.sink?.drained();
  }

  ended(): void {
    this.#inputEnded = true;
    if (this.#lingering) return;
    if (this.#exchange !== undefined && this.wire.encrypted) this.destroy();
    else if (this.#exchange === undefined) {
      if (this.#held.length === 0 && !this.#nextWaits) this.#lastInput();
    } else if (!this.#exchange.bodyDone && !this.reader.paused) this.#truncated();
  }

  /** Nothing more comes, and nothing is held. */
  #lastInput(): void {
    if (this.reader.idle) this.close(true);
    else this.#refuse(new Http1Error("HTTP1_TRUNCATED"));
  }

  #truncated(): void {
    if (this.#held.length === 0) this.#exchange?.sink?.failed(new Http1Error("HTTP1_TRUNCATED"));
  }

  closed(error: Error | undefined): void {
    this.#closed = true;
    this.#sweeper.remove(this);
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange !== undefined) exchange.gone = true;
    exchange?.sink?.failed(new ClientGone(error));
    this.#events.closed?.(this);
  }

  sweep(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    if (this.#lingering || this.#nextWaits) this.destroy();
    else if (this.#exchange !== undefined) this.#exchange.sink?.failed(new SidecarError("REQUEST_TIMEOUT"));
    else if (this.reader.idle) this.close(true);
    else this.#refuse(new SidecarError("REQUEST_TIMEOUT"));
  }
}

/** The client closed while its request was in flight: nobody is left to answer. */
export class ClientGone extends Error {
  constructor(cause: Error | undefined) {
    super("the client closed the connection", cause === undefined ? {} : { cause });
    this.name = "ClientGone";
  }
}
