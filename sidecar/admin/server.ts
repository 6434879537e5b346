import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type CodedError, codedSystemError } from "../../core/base/errors.ts";
import type { HostPort } from "../../core/base/host-port.ts";
import { SidecarError } from "../errors.ts";
import { ADMIN_BODY_LIMIT_BYTES } from "../limits.ts";

/** What one admin path answers. */
export interface AdminAnswer {
  readonly status?: number;
  /** Text as it is, anything else as JSON. */
  readonly body: unknown;
}

/** Handlers by "METHOD /path". */
export type AdminRoutes = Readonly<Record<string, (body: unknown) => AdminAnswer | Promise<AdminAnswer>>>;

const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

/** The operator's door, plain HTTP meant for loopback; not in the data path. @throws {CodedError} PORT_IN_USE */
export async function listenAdmin(listen: HostPort, routes: AdminRoutes): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, routes).then(
      (found) => send(response, found),
      (error: unknown) => send(response, asAnswer(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (thrown) => reject(codedSystemError(thrown, `sidecar admin ${listen.host}:${listen.port}`)));
    server.listen(listen.port, listen.host, resolve);
  });
  return server;
}

async function answer(request: IncomingMessage, routes: AdminRoutes): Promise<AdminAnswer> {
  const path = (request.url ?? "").split("?")[0];
  const handler = routes[`${request.method} ${path}`];
  if (handler === undefined) return { status: 404, body: { paths: Object.keys(routes) } };
  return handler(request.method === "POST" ? await readJson(request) : undefined);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ADMIN_BODY_LIMIT_BYTES) throw new SidecarError("ADMIN_REQUEST_INVALID", "the body is too large");
    chunks.push(chunk);
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new SidecarError("ADMIN_REQUEST_INVALID", "the body is not JSON", { cause });
  }
}

function asAnswer(error: unknown): AdminAnswer {
  const { code = "INTERNAL", message, fix, status = 500 } = error as CodedError & { status?: number };
  return { status, body: { code, message, fix } };
}

function send(response: ServerResponse, { status = 200, body }: AdminAnswer): void {
  const text = typeof body === "string" ? body : `${JSON.stringify(body, undefined, 2)}\n`;
  const type = typeof body === "string" ? PROMETHEUS : "application/json";
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) }).end(text);
}
