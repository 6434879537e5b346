import { createServer, type Server, type Socket } from "node:net";
import { codedSystemError } from "../../core/base/errors.ts";
import type { HostPort } from "../../core/base/host-port.ts";
import { PolicyDenied } from "../errors.ts";
import { plainIp } from "../identity/peer.ts";
import { inbound } from "../inbound.ts";
import type { Terminator } from "../mtls.ts";
import { outbound } from "../outbound.ts";
import type { Parts } from "../parts.ts";
import type { Direction } from "../telemetry/recorder.ts";
import type { Accepted } from "./connections.ts";
import { serve, serveRefusals } from "./serve.ts";

/** One of the pod's ports: where peers dial, and where the application really listens. */
export interface InboundListener {
  readonly port: number;
  readonly listen: HostPort;
  readonly app: HostPort;
}

/** @throws {CodedError} PORT_IN_USE, ADDRESS_NOT_AVAILABLE */
export function listenInbound({ port, listen, app }: InboundListener, terminator: Terminator, parts: Parts) {
  return listenOn(listen, `sidecar inbound ${port}`, (socket) => {
    const accepted = accept(socket, "inbound", port, parts);
    if (accepted !== undefined) void inbound(accepted, app, terminator, parts);
  });
}

/** What a connection comes from when its sender is in our own network namespace and chose no address. */
const LOOPBACK = ["127.0.0.1", "::1"];

const FOREIGN = {
  rule: "outbound listener: own pod only",
  message: "this listener lends the pod's identity to its own application, and to nobody else",
  fix: "call through the sidecar of the caller's own pod",
};

/**
 * Takes connections of our own pod alone: from anybody else it would be an open relay with the pod's identity.
 *
 * @throws {CodedError} PORT_IN_USE, ADDRESS_NOT_AVAILABLE
 */
export function listenOutbound(listen: HostPort, parts: Parts) {
  const own = new Set([...LOOPBACK, listen.host, parts.podIp]);
  return listenOn(listen, "sidecar outbound", (socket) => {
    const accepted = accept(socket, "outbound", listen.port, parts);
    if (accepted === undefined) return;
    if (own.has(accepted.remoteIp)) serve(accepted, parts, outbound);
    else serveRefusals(accepted, parts, new PolicyDenied(FOREIGN));
  });
}

function accept(socket: Socket, direction: Direction, port: number, parts: Parts): Accepted | undefined {
  const remoteIp = plainIp(socket.remoteAddress);
  socket.on("error", () => {});
  const base = { direction, port, socket, remoteIp, openedMs: performance.now() };
  const accepted: Accepted = { ...base, closeAfterMs: Number.POSITIVE_INFINITY };
  if (parts.connections.add(accepted)) return accepted;
  socket.destroy();
  return undefined;
}

async function listenOn({ host, port }: HostPort, what: string, each: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, each);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (thrown) => reject(codedSystemError(thrown, `${what} ${host}:${port}`)));
    server.listen(port, host, resolve);
  });
  return server;
}
