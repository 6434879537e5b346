import type { Socket } from "node:net";
import type { Accepted } from "./connections/connections.ts";
import type { Received } from "./connections/serve.ts";
import { SidecarError } from "./errors.ts";
import { DETECT_MS } from "./limits.ts";

/** A connection whose first byte was seen. */
export interface Detected extends Accepted {
  readonly protocol: "tls" | "plain";
}

/** @see RFC 8446 section 5.1: ContentType handshake */
const TLS_HANDSHAKE = 0x16;

/**
 * Tells TLS from plain text by the first byte, which no HTTP method and no TLS record shares, and puts it back.
 * Once per connection. @throws {SidecarError} REQUEST_TIMEOUT when nothing arrives
 */
export async function detect(accepted: Accepted): Promise<Detected> {
  const first = await firstByte(accepted.socket);
  return Object.assign(accepted, { protocol: first === TLS_HANDSHAKE ? ("tls" as const) : ("plain" as const) });
}

function firstByte(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => gone(), DETECT_MS);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off("data", seen).off("close", gone).off("end", gone).off("error", gone);
    };
    const seen = (chunk: Buffer): void => {
      stop();
      socket.pause();
      socket.unshift(chunk);
      resolve(chunk[0] as number);
    };
    const gone = (): void => {
      stop();
      socket.on("error", () => {});
      socket.destroy();
      reject(new SidecarError("REQUEST_TIMEOUT", "nothing arrived on the connection"));
    };
    socket.on("data", seen).once("close", gone).once("end", gone).once("error", gone);
  });
}

/** A request that may be routed: a well-formed one that asks for no tunnel and no other protocol. */
export interface Forwardable extends Received {
  readonly forwardable: true;
}

/** @throws {SidecarError} UPGRADE_UNSUPPORTED */
export function detectRequest(received: Received): Forwardable {
  const { method, upgrade } = received.exchange.request;
  if (method === "CONNECT" || upgrade) throw new SidecarError("UPGRADE_UNSUPPORTED");
  return { ...received, forwardable: true };
}
