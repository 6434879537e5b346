import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { CodedError } from "../core/base/errors.ts";
import type { Detected } from "./detect.ts";
import { SidecarError } from "./errors.ts";
import { ClientGone } from "./http/server.ts";
import { type Identity, tlsMaterial } from "./identity/identity.ts";
import { meshedPeer, type Peer } from "./identity/peer.ts";
import { CONNECTION_AGE_MS, HANDSHAKE_MS } from "./limits.ts";
import type { Parts } from "./parts.ts";
import { HTTP_ALPN } from "./upstream/dial.ts";

/** A connection whose peer is known as far as it proved itself. */
export interface Identified extends Detected {
  readonly peer: Peer;
}

/** Terminates TLS on accepted sockets; new connections use the newest certificate, open ones keep theirs. */
export interface Terminator {
  /** @throws {SidecarError} MTLS_FAILED; {ClientGone} when the client went away or fell silent */
  terminate(socket: Socket): Promise<TLSSocket>;
  close(): void;
}

/**
 * A real `tls.Server` that never listens: only it refuses certificates of other authorities during the handshake
 * (a bare TLSSocket on the server side accepts them). Sockets are told apart by their four-tuple.
 */
export function createTerminator(identity: Identity): Terminator {
  const server: Server = createServer({
    ...tlsMaterial(identity.svid()),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: [HTTP_ALPN],
    handshakeTimeout: HANDSHAKE_MS,
  });
  const waiting = new Map<string, { done(socket: TLSSocket): void; fail(cause: Error): void }>();
  server.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    const waiter = waiting.get(fourTuple(socket));
    if (waiter === undefined) socket.destroy();
    else waiter.done(socket);
  });
  server.on("tlsClientError", (error, socket) => waiting.get(fourTuple(socket))?.fail(error));
  identity.onChange(() => server.setSecureContext(tlsMaterial(identity.svid())));
  const terminate = (socket: Socket): Promise<TLSSocket> => {
    const key = fourTuple(socket);
    return new Promise<TLSSocket>((resolve, reject) => {
      const fail = (cause: NodeJS.ErrnoException): void => {
        const gone = cause.code === "ECONNRESET" || cause.code === "ERR_TLS_HANDSHAKE_TIMEOUT";
        reject(gone ? new ClientGone(cause) : new SidecarError("MTLS_FAILED", cause.message, { cause }));
      };
      waiting.set(key, { done: resolve, fail });
      socket.once("close", () => reject(new ClientGone(undefined)));
      server.emit("connection", socket);
    }).finally(() => waiting.delete(key));
  };
  return { terminate, close: () => void server.close() };
}

function fourTuple(socket: Socket): string {
  return `${socket.remoteAddress}|${socket.remotePort}|${socket.localAddress}|${socket.localPort}`;
}

/**
 * Finishes the TLS handshake and verifies who is calling, also when the session was resumed. Plain text is let
 * through in permissive mode as an unauthenticated peer.
 *
 * @throws {SidecarError} MTLS_REQUIRED for plain text in strict mode (also while there is no snapshot), MTLS_FAILED
 * @throws {CodedError} SVID_… when the certificate is no SVID of our trust domain
 */
export async function mtls(detected: Detected, terminator: Terminator, parts: Parts): Promise<Identified> {
  if (detected.protocol === "plain") {
    if (parts.snapshots.current()?.snapshot.mtls !== "permissive") throw new SidecarError("MTLS_REQUIRED");
    return Object.assign(detected, { peer: { ip: detected.remoteIp } });
  }
  try {
    const socket = await terminator.terminate(detected.socket);
    detected.socket = socket;
    const verified = parts.identity.verify(socket);
    const peer = meshedPeer(verified, detected.remoteIp, parts.snapshots.current());
    parts.telemetry.handshake("inbound", "ok");
    detected.closeAfterMs = performance.now() + ageLimitMs(verified.notAfterMs, parts.identity.svid().notAfterMs);
    return Object.assign(detected, { peer });
  } catch (error) {
    parts.telemetry.handshake("inbound", resultOf(error));
    detected.socket.destroy();
    throw error;
  }
}

function resultOf(error: unknown): string {
  if (error instanceof ClientGone) return "closed";
  return error instanceof CodedError ? error.code : "error";
}

/** How long a connection may live: an hour, jittered, and never past either certificate. */
export function ageLimitMs(peerNotAfterMs: number, ownNotAfterMs: number): number {
  const left = Math.min(peerNotAfterMs, ownNotAfterMs) - Date.now();
  return Math.min(CONNECTION_AGE_MS * (0.75 + 0.25 * Math.random()), left);
}
