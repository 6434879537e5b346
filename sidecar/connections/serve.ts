import type { CodedError } from "../../core/base/errors.ts";
import { type Exchange, ServerConnection } from "../http/server.ts";
import { peerService } from "../identity/peer.ts";
import type { Parts } from "../parts.ts";
import { refuse, refuseMalformed } from "../refuse.ts";
import type { Observed } from "../telemetry/telemetry.ts";
import type { Accepted } from "./connections.ts";

/** One request that arrived on an accepted connection. */
export interface Received {
  readonly accepted: Accepted;
  readonly exchange: Exchange;
  readonly observed: Observed;
  readonly parts: Parts;
}

/** Reads the connection's requests one after the other and answers each: with `handle`, or with its refusal. */
export function serve(accepted: Accepted, parts: Parts, handle: (received: Received) => Promise<void>): void {
  const request = async (exchange: Exchange): Promise<void> => {
    const observed = parts.telemetry.begin(exchange, accepted.direction, callerService(accepted, parts));
    const received = { accepted, exchange, observed, parts };
    try {
      await handle(received);
    } catch (error) {
      refuse(received, error);
    }
  };
  const malformed = (connection: ServerConnection, error: CodedError & { readonly status: number }): void =>
    refuseMalformed(connection, error, accepted, parts);
  accepted.server = new ServerConnection(accepted.socket, parts.sweeper, { request, malformed });
}

/** Asked per request: a later snapshot may know the peer of a connection that is open already. */
function callerService({ direction, peer }: Accepted, { snapshots }: Parts): string {
  return direction === "inbound" && peer !== undefined ? peerService(peer, snapshots.current()) : "unknown";
}

/** Answers every request on the connection with the same refusal; a peer that proved nothing is answered once. */
export function serveRefusals(accepted: Accepted, parts: Parts, error: unknown): void {
  if (accepted.socket.destroyed) return;
  serve(accepted, parts, () => Promise.reject(error));
  if (accepted.peer === undefined && accepted.server !== undefined) accepted.server.closing = true;
}
