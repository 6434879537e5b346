import { CodedError } from "../core/base/errors.ts";
import type { HostPort } from "../core/base/host-port.ts";
import type { Endpoint } from "../core/policy/snapshot.ts";
import { endpointKey } from "./balance.ts";
import { SidecarError } from "./errors.ts";
import { ClientConnection } from "./http/client.ts";
import { ageLimitMs } from "./mtls.ts";
import type { Parts } from "./parts.ts";
import { dialPlain, dialTls, HTTP_ALPN } from "./upstream/dial.ts";
import type { Pool } from "./upstream/pool.ts";

/** An upstream connection with where it goes back to. */
export interface Link {
  readonly connection: ClientConnection;
  readonly pool: Pool;
  readonly key: string;
  /** A proven sidecar is at the other end: what it says in x-outrider-… fields is the mesh's word. */
  readonly sidecar: boolean;
}

/** What a pooled connection to a peer is kept under: its address, who it must be, and which certificate of ours it saw. */
export function linkKey(endpoint: Endpoint, serial: string): string {
  return `${endpointKey(endpoint)} ${endpoint.spiffeId} ${endpoint.podUid} ${serial}`;
}

/** The endpoint part of a link's key. */
export function endpointOfKey(key: string): string {
  return key.slice(0, key.lastIndexOf(" "));
}

/** A connection to the endpoint: an idle one, or (always, when `fresh`) a new one. @throws {SidecarError} */
export async function linkTo(endpoint: Endpoint, parts: Parts, fresh = false): Promise<Link> {
  const key = linkKey(endpoint, parts.identity.svid().serial);
  const pool = parts.links;
  const sidecar = endpoint.spiffeId !== "";
  const idle = fresh ? undefined : pool.take(key);
  if (idle !== undefined) return { connection: idle, pool, key, sidecar };
  const connection = sidecar ? await meshed(endpoint, parts) : await unmeshed(endpoint, parts);
  pool.add(key, connection);
  return { connection, pool, key, sidecar };
}

async function unmeshed(endpoint: Endpoint, parts: Parts): Promise<ClientConnection> {
  return new ClientConnection(await dialPlain(address(endpoint), parts.podIp), parts.sweeper);
}

/** Mutual TLS, and the peer must be exactly the pod that was chosen. */
async function meshed(endpoint: Endpoint, parts: Parts): Promise<ClientConnection> {
  const { identity, telemetry } = parts;
  try {
    const socket = await dialTls(address(endpoint), identity.context(), HTTP_ALPN, parts.podIp);
    try {
      const peer = identity.verify(socket, endpoint.spiffeId);
      if (peer.podUid !== undefined && peer.podUid !== endpoint.podUid) throw wrongPod(endpoint, peer.podUid);
      telemetry.handshake("outbound", "ok");
      const connection = new ClientConnection(socket, parts.sweeper);
      connection.closeAfterMs = parts.sweeper.nowMs + ageLimitMs(peer.notAfterMs, identity.svid().notAfterMs);
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  } catch (error) {
    const code = error instanceof CodedError ? error.code : "error";
    if (code !== "UPSTREAM_UNREACHABLE") telemetry.handshake("outbound", code);
    throw error;
  }
}

function wrongPod(endpoint: Endpoint, found: string): SidecarError {
  const message = `${endpointKey(endpoint)}: expected pod ${endpoint.podUid}, its certificate was issued to ${found}`;
  return new SidecarError("MTLS_FAILED", message, {
    fix: "the address was taken over by another pod; wait for the next snapshot",
  });
}

/** A connection to our own application. @throws {SidecarError} UPSTREAM_UNREACHABLE */
export async function linkToApp(app: HostPort, parts: Parts, fresh = false): Promise<Link> {
  const key = `${app.host}:${app.port}`;
  const pool = parts.apps;
  const idle = fresh ? undefined : pool.take(key);
  if (idle !== undefined) return { connection: idle, pool, key, sidecar: false };
  const connection = new ClientConnection(await dialPlain(app), parts.sweeper);
  pool.add(key, connection);
  return { connection, pool, key, sidecar: false };
}

function address({ ip, port }: Endpoint): HostPort {
  return { host: ip, port };
}
