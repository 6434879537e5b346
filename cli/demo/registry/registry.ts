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
  close(): Promise<void>;
}

/** @throws {CodedError} PORT_IN_USE, ADDRESS_NOT_AVAILABLE */
export async function startRegistry({ host, port, faults = [] }: RegistryOptions): Promise<EmbeddedRegistry> {
  const store = new RegistryStore();
  const answer = createRoutes(store);
  const server = createServer(async (request, response) => {
    const body = await readBody(request);
    const url = new URL(request.url ?? "/", "http://registry");
    const contentType = request.headers["content-type"] ?? "";
    const tooLarge = errorReply(413, "SIZE_INVALID", `more than ${PUSH_LIMIT_BYTES} bytes`);
    const reply = body === undefined ? tooLarge : answer({ method: request.method ?? "GET", url, contentType, body });
    await send(request, response, await applyFaults(faults, request, reply));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(codedSystemError(error, `registry ${host}:${port}`)));
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    host: `${host.includes(":") ? `[${host}]` : host}:${bound}`,
    store,
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

async function applyFaults(faults: readonly Fault[], request: IncomingMessage, reply: Reply): Promise<Reply> {
  for (const fault of faults) {
    const { method = "GET", url = "/", headers } = request;
    reply = (await fault({ method, url, headers, reply })) ?? reply;
  }
  return reply;
}

async function send(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
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
