import type { Socket } from "node:net";
import { Http1Error } from "../../core/wire/http1/errors.ts";
import { ResponseHead } from "../../core/wire/http1/message.ts";
import { MessageReader, type ReaderEvents } from "../../core/wire/http1/reader.ts";
import { SidecarError } from "../errors.ts";
import { INTERIM_LIMIT, RESPONSE_MS, STALL_MS } from "../limits.ts";
import type { Sweeper, Swept } from "./sweeper.ts";
import { socketWire, type Wire, type WireEvents } from "./wire.ts";

/** Takes a response as it arrives. */
export interface ResponseSink {
  /** A head, interim (1xx) ones too; `connection.reader.scanner` and `connection.response` describe it. */
  responseHead(bytes: Uint8Array, start: number): void;
  responseBody(bytes: Uint8Array, from: number, to: number): void;
  /** Content without chunk framing, for clients that cannot take it. */
  responseData(bytes: Uint8Array, from: number, to: number): void;
  /** The final response is complete. */
  responseEnd(): void;
  /** No complete response will come. */
  responseFailed(error: Error): void;
  /** The upstream takes request bytes again. */
  upstreamDrained(): void;
  /** Around the events of one received chunk, so that what is written leaves together. */
  cork(): void;
  uncork(): void;
}

/** The upstream side of the proxy: one request at a time, kept open between them. */
export class ClientConnection implements WireEvents, ReaderEvents, Swept {
  readonly response = new ResponseHead();
  readonly reader: MessageReader;
  readonly wire: Wire;
  /** Nothing speaks against another request on it. */
  reusable = true;
  /** It has carried a request before: a failure now may only mean that the other side closed it meanwhile. */
  reused = false;
  /** A byte of the current response arrived. */
  answering = false;
  /** Monotonic milliseconds after which it takes no further request. */
  closeAfterMs = Number.POSITIVE_INFINITY;
  /** Called once when it closes. */
  onClosed: (() => void) | undefined;
  readonly #sweeper: Sweeper;
  #sink: ResponseSink | undefined;
  #method = "";
  #interim = false;
  #interims = 0;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(socket: Socket, sweeper: Sweeper) {
    this.#sweeper = sweeper;
    this.reader = new MessageReader("response", this);
    this.wire = socketWire(socket, this);
    sweeper.add(this);
  }

  get open(): boolean {
    return !this.#closed;
  }

  begin(method: string, sink: ResponseSink): void {
    this.#method = method;
    this.#sink = sink;
    this.answering = false;
    this.#interims = 0;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** The request was sent whole: from now on the response is due. */
  requestSent(): void {
    if (!this.answering) this.#deadlineMs = this.#sweeper.nowMs + RESPONSE_MS;
  }

  /** @returns false when the upstream is slow; `upstreamDrained` says when to go on */
  write(bytes: Uint8Array): boolean {
    if (this.wire.write(bytes)) return true;
    if (!this.answering) this.#deadlineMs = this.#sweeper.nowMs + STALL_MS;
    return false;
  }

  /** The client is slow: the upstream is not to blame for the wait. */
  pause(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.wire.pause();
  }

  resume(): void {
    if (this.#sink !== undefined && this.answering) this.#deadlineMs = this.#sweeper.nowMs + STALL_MS;
    this.wire.resume();
  }

  /** Free for the next request. */
  rest(): void {
    this.reused = true;
    this.#sink = undefined;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Free until then; closes itself afterwards. */
  restUntil(deadlineMs: number): void {
    this.rest();
    this.#deadlineMs = deadlineMs;
  }

  bytes(chunk: Uint8Array): void {
    const sink = this.#sink;
    if (sink === undefined) {
      this.destroy();
      return;
    }
    this.answering = true;
    this.#deadlineMs = this.#sweeper.nowMs + STALL_MS;
    sink.cork();
    try {
      this.reader.feed(chunk, 0, chunk.length);
    } catch (error) {
      this.#fail(error instanceof Http1Error ? malformed(error) : (error as Error));
    }
    sink.uncork();
  }

  head(bytes: Uint8Array, start: number): void {
    if (this.#sink === undefined) throw new Error("a response without a request");
    const { response } = this;
    response.judge(this.reader.scanner, bytes, start, this.#method);
    if (response.status === 101) throw new SidecarError("UPGRADE_UNSUPPORTED", "the upstream switched protocols");
    this.#interim = response.status < 200;
    if (this.#interim && ++this.#interims > INTERIM_LIMIT)
      throw new SidecarError("UPSTREAM_MALFORMED", `more than ${INTERIM_LIMIT} interim responses`);
    this.reader.body(response.body, response.length);
    if (!response.keepAlive) this.reusable = false;
    this.#sink.responseHead(bytes, start);
  }

  body(bytes: Uint8Array, from: number, to: number): void {
    this.#sink?.responseBody(bytes, from, to);
  }

  data(bytes: Uint8Array, from: number, to: number): void {
    this.#sink?.responseData(bytes, from, to);
  }

  end(): void {
    if (this.#interim) return;
    const sink = this.#sink;
    this.#sink = undefined;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    sink?.responseEnd();
  }

  drained(): void {
    if (!this.answering) this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#sink?.upstreamDrained();
  }

  ended(): void {
    this.reusable = false;
    if (this.#sink === undefined) {
      this.destroy();
      return;
    }
    if (!this.reader.endsWithConnection) {
      this.#fail(new SidecarError("UPSTREAM_CLOSED"));
      return;
    }
    this.end();
    this.destroy();
  }

  closed(error: Error | undefined): void {
    this.#closed = true;
    this.reusable = false;
    this.#sweeper.remove(this);
    this.#fail(new SidecarError("UPSTREAM_CLOSED", undefined, { cause: error }));
    this.onClosed?.();
  }

  #fail(error: Error): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.reusable = false;
    this.destroy();
    sink?.responseFailed(error);
  }

  destroy(): void {
    this.reusable = false;
    this.wire.destroy();
  }

  sweep(nowMs: number): void {
    if (nowMs >= this.closeAfterMs) this.reusable = false;
    if (nowMs < this.#deadlineMs) return;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    if (this.#sink === undefined) this.destroy();
    else this.#fail(new SidecarError("UPSTREAM_TIMEOUT"));
  }
}

function malformed(error: Http1Error): SidecarError {
  return new SidecarError("UPSTREAM_MALFORMED", `${error.code}: ${error.message}`, { cause: error });
}
