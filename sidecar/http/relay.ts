import { FIELD } from "../../core/wire/http1/fields.ts";
import { BODY } from "../../core/wire/http1/message.ts";
import {
  HOP_BY_HOP,
  type KindSet,
  kindSet,
  rewrittenSize,
  writeRequest,
  writeResponse,
} from "../../core/wire/http1/write.ts";
import type { ClientConnection, ResponseSink } from "./client.ts";
import { type BodySink, ClientGone, type Exchange } from "./server.ts";

/** How a relayed exchange ended. */
export interface Relayed {
  readonly status: number;
}

export interface RelayOptions {
  /** Complete lines added to the final response head. */
  readonly addedToResponse: Uint8Array;
  /** FIELD kinds of the response that are not passed on, besides hop-by-hop ones. */
  readonly dropFromResponse: KindSet;
}

const CLOSE = Buffer.from("connection: close\r\n");
const KEEP_ALIVE = Buffer.from("connection: keep-alive\r\n");
const CHUNKED = Buffer.from("transfer-encoding: chunked\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");
const LINE_END = Buffer.from("\r\n");
const NOTHING = new Uint8Array(0);
const DROP_FROM_REQUEST = HOP_BY_HOP | kindSet(FIELD.traceparent, FIELD.outrider);

/** The request head as it goes upstream; made once, so that a retry sends the same bytes. */
export function requestHead(exchange: Exchange, added: Uint8Array): Uint8Array {
  const { head, request, bytes, start } = exchange;
  const out = Buffer.allocUnsafe(rewrittenSize(head, added));
  return out.subarray(0, writeRequest(out, head, request, bytes, start, DROP_FROM_REQUEST, added));
}

/**
 * One request to one upstream connection and its response back, both bodies flowing at once, each side paused while
 * the other is slow. Once per request; resolves after the last byte of the response was written.
 *
 * Rejects with the error to answer with, or, once bytes of the response were sent, with one that can only close.
 */
export function relay(exchange: Exchange, upstream: ClientConnection, head: Uint8Array, options: RelayOptions) {
  return new Promise<Relayed>((resolve, reject) => {
    new Relay(exchange, upstream, options, resolve, reject).start(head);
  });
}

/**
 * How the response's body goes to the client: `content` alone for HTTP/1.0, where the end is the close; in `chunks`
 * when the upstream's body ends with its connection, so that a broken-off one is never taken for a whole one.
 */
type BodyFraming = "as it came" | "content" | "chunks";

class Relay implements ResponseSink, BodySink {
  readonly #exchange: Exchange;
  readonly #upstream: ClientConnection;
  readonly #options: RelayOptions;
  readonly #resolve: (relayed: Relayed) => void;
  readonly #reject: (error: Error) => void;
  #framing: BodyFraming = "as it came";
  #status = 0;
  #keepAlive = false;
  #settled = false;

  constructor(
    exchange: Exchange,
    upstream: ClientConnection,
    options: RelayOptions,
    resolve: (relayed: Relayed) => void,
    reject: (error: Error) => void,
  ) {
    this.#exchange = exchange;
    this.#upstream = upstream;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(head: Uint8Array): void {
    if (this.#exchange.gone) {
      this.failed(new ClientGone(undefined));
      return;
    }
    const { wire } = this.#upstream;
    this.#upstream.begin(this.#exchange.request.method, this);
    wire.cork();
    wire.write(head);
    this.#exchange.receive(this);
    if (this.#exchange.bodyDone) this.end();
    wire.uncork();
  }

  body(bytes: Uint8Array, from: number, to: number): void {
    if (!this.#settled && !this.#upstream.write(bytes.subarray(from, to))) this.#exchange.connection.pause();
  }

  upstreamDrained(): void {
    if (!this.#exchange.bodyDone) this.#exchange.connection.resume();
  }

  end(): void {
    this.#upstream.requestSent();
  }

  /** The client is gone or ambiguous: the upstream must not take the part it has for the whole. */
  failed(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#upstream.destroy();
    this.#reject(error);
  }

  responseHead(bytes: Uint8Array, start: number): void {
    const { response } = this.#upstream;
    const { request, head: requestHead, connection } = this.#exchange;
    const oldClient = requestHead.minor === 0;
    if (response.status < 200) {
      if (!oldClient) this.#writeHead(bytes, start, NOTHING, NOTHING);
      return;
    }
    this.#status = response.status;
    this.#framing = bodyFraming(response.body, oldClient);
    const endsWithClose = oldClient && (response.body === BODY.close || response.body === BODY.chunked);
    this.#keepAlive = request.keepAlive && this.#exchange.bodyDone && !endsWithClose && !connection.closing;
    this.#exchange.answered = true;
    const own = !this.#keepAlive ? CLOSE : oldClient ? KEEP_ALIVE : NOTHING;
    const lines = this.#framing === "chunks" ? Buffer.concat([own, CHUNKED]) : own;
    this.#writeHead(bytes, start, lines, this.#options.addedToResponse);
  }

  #writeHead(bytes: Uint8Array, start: number, own: Uint8Array, added: Uint8Array): void {
    const { reader, response } = this.#upstream;
    const lines = own.length === 0 ? added : added.length === 0 ? own : Buffer.concat([own, added]);
    const drop = HOP_BY_HOP | this.#options.dropFromResponse | this.#dropFraming(response.status);
    const out = Buffer.allocUnsafe(rewrittenSize(reader.scanner, lines));
    const length = writeResponse(out, reader.scanner, response, bytes, start, drop, lines);
    this.#toClient(out, 0, length);
  }

  /** 1xx and 204 have no body, so a length of zero there says nothing; HTTP/1.0 knows no transfer codings. */
  #dropFraming(status: number): KindSet {
    if (status < 200 || status === 204) return kindSet(FIELD.contentLength);
    return this.#exchange.head.minor === 0 ? kindSet(FIELD.transferEncoding) : 0;
  }

  responseBody(bytes: Uint8Array, from: number, to: number): void {
    if (this.#framing === "as it came") this.#toClient(bytes, from, to);
  }

  responseData(bytes: Uint8Array, from: number, to: number): void {
    if (this.#framing === "as it came") return;
    if (this.#framing === "chunks") this.#exchange.connection.write(Buffer.from(`${(to - from).toString(16)}\r\n`));
    this.#toClient(bytes, from, to);
    if (this.#framing === "chunks") this.#exchange.connection.write(LINE_END);
  }

  #toClient(bytes: Uint8Array, from: number, to: number): void {
    if (!this.#exchange.connection.write(bytes.subarray(from, to))) this.#upstream.pause();
  }

  drained(): void {
    this.#upstream.resume();
  }

  responseEnd(): void {
    if (this.#settled) return;
    this.#settled = true;
    if (!this.#exchange.bodyDone) this.#upstream.reusable = false;
    if (this.#framing === "chunks") this.#exchange.connection.write(LAST_CHUNK);
    this.#upstream.resume();
    this.#resolve({ status: this.#status });
    this.#exchange.connection.finish(this.#keepAlive);
  }

  responseFailed(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(error);
  }

  cork(): void {
    this.#exchange.connection.wire.cork();
  }

  uncork(): void {
    this.#exchange.connection.wire.uncork();
  }
}

function bodyFraming(body: number, oldClient: boolean): BodyFraming {
  if (body === BODY.close && !oldClient) return "chunks";
  return body === BODY.chunked && oldClient ? "content" : "as it came";
}
