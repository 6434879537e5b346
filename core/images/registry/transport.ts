import { Agent, buildConnector, type Dispatcher, request } from "undici";
import { asError } from "../../base/errors.ts";
import { CONNECTIONS_PER_REGISTRY, HEADERS_LIMIT_BYTES, IDLE_CONNECTION_MS, REQUEST_DEADLINE_MS } from "../limits.ts";
import { type AddressGuard, guardAddresses } from "./address-guard.ts";
import type { RegistryHosts } from "./hosts.ts";
import type { Resolver } from "./resolvers.ts";

/** One exchange with one host; redirects, limits and statuses are the caller's. */
export interface Exchange {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a POST. */
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** An answer whose body is still on its way. */
export interface Incoming {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Throws when the connection breaks or the announced length is not kept. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up the rest. A body is read or discarded, never forgotten. */
  discard(): void;
}

/**
 * How requests reach a registry: over sockets in the service; in a test, by calling one in the same process.
 *
 * The transport holds every connection to the address guard, because only it sees the addresses of names.
 */
export interface Transport {
  /** @throws {Error} what undici throws; `cause` or the error itself is a CodedError when an address was refused */
  send(exchange: Exchange): Promise<Incoming>;
  close(): Promise<void>;
}

export interface SocketOptions {
  /** Longest wait for headers, and between two pieces of a body, in milliseconds. */
  readonly requestDeadlineMs?: number;
  /** Longest a connection is kept open unused, in milliseconds. */
  readonly idleConnectionMs?: number;
  /** Names to addresses; when left out, the system's resolver for configured hosts and name servers for the others. */
  readonly resolve?: Resolver;
}

/** Connections over undici, kept open between requests; those to hosts that are not configured reach public addresses only. */
export function createSocketTransport(hosts: RegistryHosts, options: SocketOptions = {}): Transport {
  const { requestDeadlineMs = REQUEST_DEADLINE_MS, idleConnectionMs = IDLE_CONNECTION_MS } = options;
  const { resolve } = options;
  const agent = (guard: AddressGuard) =>
    new Agent({
      connections: CONNECTIONS_PER_REGISTRY,
      keepAliveMaxTimeout: idleConnectionMs,
      headersTimeout: requestDeadlineMs,
      bodyTimeout: requestDeadlineMs,
      maxHeaderSize: HEADERS_LIMIT_BYTES,
      connect: guardedConnector(guard, requestDeadlineMs),
    });
  const configured = agent(guardAddresses("configured", resolve));
  const unknown = agent(guardAddresses("unknown", resolve));
  return {
    send: (exchange) => send(exchange, hosts.isConfigured(exchange.url) ? configured : unknown),
    close: async () => {
      await Promise.all([configured.destroy(), unknown.destroy()]);
    },
  };
}

async function send(exchange: Exchange, dispatcher: Dispatcher): Promise<Incoming> {
  const answer = await requestOnce(exchange, dispatcher).catch((thrown: unknown) => {
    if (exchange.method === "GET" && wasClosed(thrown) && !exchange.signal.aborted) {
      return requestOnce(exchange, dispatcher);
    }
    throw thrown;
  });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: answer.body as AsyncIterable<Uint8Array>,
    discard: () => void answer.body.on("error", () => {}).destroy(),
  };
}

function requestOnce({ method, url, headers, body, signal }: Exchange, dispatcher: Dispatcher) {
  return request(url, { method, headers, body: body ?? null, dispatcher, signal });
}

/** A kept connection may close just as it is used again; nothing was answered, so a GET can go once more. */
function wasClosed(thrown: unknown): boolean {
  const { code } = (thrown ?? {}) as { code?: unknown };
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}

/**
 * Resolves a name once, checks every address of the answer, and connects to those very addresses: there is no second
 * look-up that could answer otherwise. What was connected to is checked again, in case anything between is wrong.
 */
function guardedConnector(guard: AddressGuard, timeout: number): buildConnector.connector {
  const connect = buildConnector({ timeout, lookup: guard.lookup });
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error !== null) return callback(error, null);
      try {
        guard.checkPeer(options.hostname, socket.remoteAddress);
        callback(null, socket);
      } catch (thrown) {
        socket.destroy();
        callback(asError(thrown), null);
      }
    });
}
