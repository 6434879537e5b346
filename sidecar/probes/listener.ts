import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { codedSystemError } from "../../core/base/errors.ts";
import type { HostPort } from "../../core/base/host-port.ts";
import { APP_HEALTH } from "../../core/wire/probe-table.ts";
import type { AdminAnswer, AdminRoutes } from "../admin/server.ts";
import {
  PROBE_CONNECTION_LIMIT,
  PROBE_CONNECTION_LIMIT_PER_ADDRESS,
  PROBE_HEAD_LIMIT_BYTES,
  PROBE_HEAD_MS,
} from "../limits.ts";
import type { Prober } from "./prober.ts";

/** The admin paths that the kubelet and Prometheus may ask for without an identity. */
const OPEN_PATHS = ["GET /healthz", "GET /readyz", "GET /metrics"] as const;
/** A hook's key: the kubelet takes any answer to it for success, so a failure must not be an answer. */
const HOOK = /\/(?:poststart|prestop)\//;

/**
 * The one port of the sidecar that takes plain HTTP from other hosts: whoever reaches the pod can ask it, so it tells
 * how the sidecar and the application's own probes do, and nothing else. Anything else in the request than its path is
 * ignored; a probe's path must be a key of the table as it stands.
 *
 * @throws {CodedError} PORT_IN_USE, ADDRESS_NOT_AVAILABLE
 */
export async function listenProbes(listen: HostPort, routes: AdminRoutes, prober: Prober): Promise<Server> {
  const limits = {
    maxHeaderSize: PROBE_HEAD_LIMIT_BYTES,
    headersTimeout: PROBE_HEAD_MS,
    requestTimeout: PROBE_HEAD_MS,
    connectionsCheckingInterval: PROBE_HEAD_MS / 2,
  };
  const server = createServer(limits, (request, response) => void answer(request, response, routes, prober));
  server.maxConnections = PROBE_CONNECTION_LIMIT;
  server.on("connection", limitPerAddress());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (thrown) => reject(codedSystemError(thrown, `sidecar probes ${listen.host}:${listen.port}`)));
    server.listen(listen.port, listen.host, resolve);
  });
  return server;
}

async function answer(request: IncomingMessage, response: ServerResponse, routes: AdminRoutes, prober: Prober) {
  const { method, url = "" } = request;
  const probed =
    method === "GET" && url.startsWith(APP_HEALTH) ? prober.probe(url.slice(APP_HEALTH.length)) : undefined;
  if (probed === undefined) return send(response, await openAnswer(`${method} ${url}`, routes));
  const { status, text, answered } = await probed;
  if (!HOOK.test(url)) return send(response, { status, body: `${text}\n` });
  return answered ? send(response, { body: "ok\n" }) : void request.socket.destroy();
}

async function openAnswer(asked: string, routes: AdminRoutes): Promise<AdminAnswer> {
  const known = OPEN_PATHS.find((path) => path === asked);
  return (
    (await (known === undefined ? undefined : routes[known]?.(undefined))) ?? { status: 404, body: "no such path\n" }
  );
}

function send(response: ServerResponse, { status = 200, body }: AdminAnswer): void {
  const text = typeof body === "string" ? body : `${JSON.stringify(body)}\n`;
  const type = typeof body === "string" ? "text/plain; version=0.0.4; charset=utf-8" : "application/json";
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(text),
    "x-content-type-options": "nosniff",
    connection: "close",
  });
  response.end(text);
}

/** Ends a connection over its address's share at once. */
function limitPerAddress(): (socket: Socket) => void {
  const open = new Map<string, number>();
  return (socket) => {
    const address = socket.remoteAddress ?? "";
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once("close", () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
    if (count > PROBE_CONNECTION_LIMIT_PER_ADDRESS) socket.destroy();
  };
}
