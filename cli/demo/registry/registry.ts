import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { codedSystemError } from "../../../core/base/errors.ts";
import type { Digest } from "../../../core/policy/evidence.ts";
import { errorReply, type Fault, type Reply } from "./reply.ts";
import { createRoutes } from "./routes.ts";
import { RegistryStore } from "./store.ts";

export { type ImageSpec, type PushedImage, pushImage, pushIndex } from "./image.ts";

/** Largest body of one push, in bytes. */
export const PUSH_LIMIT_BYTES = 128 * 1024 * 1024;

export interface RegistryOptions {
  /** "127.0.0.4" */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Changes answers on their way out, in order; see tests/support/registry-of-faults.ts. */
  readonly faults?: readonly Fault[];
}

/** A registry of the distribution API with referrers, in this process and in memory, over plain HTTP. */
export interface EmbeddedRegistry {
  /** Host and port, as in references. */
  readonly host: string;
  readonly store: RegistryStore;
  /** Serves other bytes under a digest from now on. */
  tamper(digest: Digest, bytes: Uint8Array): void;
  /** What it would answer over its socket, faults applied. */
  answer(call: PlainCall): Promise<Reply>;
  close(): Promise<void>;
}

/** One request without a socket. */
export interface PlainCall {
  readonly method: string;
  /** "/v2/shop/web/manifests/1?…" */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** @throws {CodedError} PORT_IN_USE, ADDRESS_NOT_AVAILABLE */
export async function startRegistry({ host, port, faults = [] }: RegistryOptions): Promise<EmbeddedRegistry> {
  const store = new RegistryStore();
  const routes = createRoutes(store);
  const answer = (call: PlainCall) => {
    const contentType = String(call.headers["content-type"] ?? "");
    return applyFaults(faults, call, routes({ ...call, url: new URL(call.url, "http://registry"), contentType }));
  };
  const server = createServer(async (request, response) => {
    const { method = "GET", url = "/", headers } = request;
    const body = await readBody(request);
    const tooLarge = errorReply(413, "SIZE_INVALID", `more than ${PUSH_LIMIT_BYTES} bytes`);
    await send(request, response, body === undefined ? tooLarge : await answer({ method, url, headers, body }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(codedSystemError(error, `registry ${host}:${port}`)));
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    host: `${host.includes(":") ? `[${host}]` : host}:${bound}`,
    store,
    answer,
    tamper: (digest, bytes) => store.tamper(digest, bytes),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > PUSH_LIMIT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

async function applyFaults(faults: readonly Fault[], call: PlainCall, reply: Reply): Promise<Reply> {
  for (const fault of faults) reply = (await fault({ ...call, reply })) ?? reply;
  return reply;
}

async function send(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  if (reply.reset === true) return void request.socket.resetAndDestroy();
  if (reply.dripHeadersMs !== undefined) return drip(request, reply.dripHeadersMs);
  const whole = reply.body instanceof Uint8Array;
  const length = whole ? { "content-length": String((reply.body as Uint8Array).byteLength) } : {};
  const noBody = request.method === "HEAD" || reply.status === 204 || reply.status === 304;
  response.writeHead(reply.status, { ...(reply.status === 204 ? {} : length), ...reply.headers });
  if (noBody) return void response.end();
  if (!whole) return sendSlowly(response, reply.body as AsyncIterable<Uint8Array>);
  const body = reply.body as Uint8Array;
  if (reply.cutAfterBytes === undefined) return void response.end(body);
  response.write(body.subarray(0, reply.cutAfterBytes), () => response.destroy());
}

/** A status line and then one header that never ends. */
async function drip({ socket }: IncomingMessage, everyMs: number): Promise<void> {
  socket.write("HTTP/1.1 200 OK\r\nx-slow: ");
  for (; !socket.destroyed; socket.write("a")) await new Promise((resolve) => setTimeout(resolve, everyMs).unref());
}

async function sendSlowly(response: ServerResponse, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
  }
  response.end();
}

/** Resolves when the peer has read on, or left. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
}
