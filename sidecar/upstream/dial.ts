import { connect, type Socket } from "node:net";
import { type SecureContext, connect as tlsConnect } from "node:tls";
import type { HostPort } from "../../core/base/host-port.ts";
import { SidecarError } from "../errors.ts";
import { CONNECT_MS, HANDSHAKE_MS } from "../limits.ts";

/** ALPN of HTTP/1.1 inside mutual TLS. */
export const HTTP_ALPN = "http/1.1";

/** Plain TCP. @throws {SidecarError} UPSTREAM_UNREACHABLE */
export async function dialPlain(to: HostPort, localAddress?: string): Promise<Socket> {
  const from = localAddress === undefined ? {} : { localAddress };
  const socket = connect({ ...to, ...from, noDelay: true });
  await settled(socket, "connect", CONNECT_MS, (cause) => unreachable(to, cause));
  return socket;
}

/**
 * TLS 1.3 with our certificate. The chain is checked here against the bundle; who the peer is (its SPIFFE id) is the
 * caller's next step, because a name check by host makes no sense for such certificates.
 *
 * @throws {SidecarError} UPSTREAM_UNREACHABLE, MTLS_FAILED
 */
export async function dialTls(to: HostPort, secureContext: SecureContext, alpn: string, localAddress?: string) {
  const tcp = await dialPlain(to, localAddress);
  const socket = tlsConnect({
    socket: tcp,
    secureContext,
    minVersion: "TLSv1.3",
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
    ALPNProtocols: [alpn],
  });
  await settled(socket, "secureConnect", HANDSHAKE_MS, (cause) => handshakeFailed(to, cause));
  if (socket.alpnProtocol === alpn) return socket;
  socket.destroy();
  throw handshakeFailed(to, new Error(`the peer did not agree on ALPN ${alpn}`));
}

/** Errors after that reach nobody here: whoever takes the socket hears its close. */
function settled(socket: Socket, event: string, timeoutMs: number, wrap: (cause: Error) => Error): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      stop();
      socket.destroy();
      reject(wrap(cause));
    };
    const timer = setTimeout(() => fail(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    const succeed = (): void => {
      stop();
      resolve();
    };
    const closed = (): void => fail(new Error("the connection closed"));
    const stop = (): void => {
      clearTimeout(timer);
      socket.off("error", fail).off("close", closed).off(event, succeed);
    };
    socket.on("error", () => {});
    socket.once("error", fail).once("close", closed).once(event, succeed);
  });
}

function unreachable(to: HostPort, cause: Error): SidecarError {
  return new SidecarError("UPSTREAM_UNREACHABLE", `${to.host}:${to.port}: ${cause.message}`, { cause });
}

function handshakeFailed(to: HostPort, cause: Error): SidecarError {
  return new SidecarError("MTLS_FAILED", `${to.host}:${to.port}: ${cause.message}`, { cause });
}
