import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SECOND_MS } from "../../core/base/clock.ts";
import { codedSystemError } from "../../core/base/errors.ts";
import type { HostPort } from "../../core/base/host-port.ts";
import type { Log } from "../../core/base/log.ts";

/** A request must be complete within this, in milliseconds: slow senders must not hold sockets. */
export const REQUEST_DEADLINE_MS = 30 * SECOND_MS;
/** Sockets open at once on one listener. */
export const CONNECTION_LIMIT = 2_000;

export interface Listening {
  /** "127.0.0.1:4318", with the port that was chosen when 0 was asked for. */
  readonly address: string;
  close(): Promise<void>;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** @throws {CodedError} PORT_IN_USE, ADDRESS_NOT_AVAILABLE */
export async function listen(what: string, { host, port }: HostPort, handle: Handle, log: Log): Promise<Listening> {
  const server = createServer({ requestTimeout: REQUEST_DEADLINE_MS }, (request, response) => {
    handle(request, response).catch((err) => {
      log.error({ err, path: request.url }, "request failed");
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  server.maxConnections = CONNECTION_LIMIT;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (thrown) => reject(codedSystemError(thrown, `${what} ${host}:${port}`)));
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  const shown = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return { address: `${shown}:${bound.port}`, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
