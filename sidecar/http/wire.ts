import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** What a connection's owner hears. Buffers belong to the owner once given. */
export interface WireEvents {
  bytes(chunk: Uint8Array): void;
  /** A `write` that answered false may go on. */
  drained(): void;
  /** The peer will send no more. */
  ended(): void;
  /** Nothing goes either way any more; called once, always. */
  closed(error: Error | undefined): void;
}

/**
 * The I/O seam of the data path: everything above it sees bytes and back-pressure, nothing of sockets.
 * This back end is the documented one (net.Socket and tls.TLSSocket streams); others may take its place.
 */
export interface Wire {
  readonly remoteAddress: string;
  /** Over TLS nobody closes one direction alone: the end of input is the end of the peer. */
  readonly encrypted: boolean;
  /** @returns false when the caller should stop until `drained` */
  write(bytes: Uint8Array): boolean;
  /** Between these two, writes are collected and leave together. */
  cork(): void;
  uncork(): void;
  pause(): void;
  resume(): void;
  /** Sends what was written, then a FIN; says when both have left. */
  end(sent: () => void): void;
  /** Closes now, unsent bytes are lost, so that the other side can tell it from a proper end, where the transport can say so. */
  reset(): void;
  /** Closes now; unsent bytes are lost. */
  destroy(): void;
}

/** Takes over a connected socket; its bytes flow from the next turn on. */
export function socketWire(socket: Socket, events: WireEvents): Wire {
  let failure: Error | undefined;
  socket.setNoDelay(true);
  socket.on("data", (chunk: Buffer) => events.bytes(chunk));
  socket.on("drain", () => events.drained());
  socket.on("end", () => events.ended());
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("close", () => events.closed(failure));
  socket.resume();
  return {
    remoteAddress: socket.remoteAddress ?? "",
    encrypted: socket instanceof TLSSocket,
    write: (bytes) => socket.write(bytes),
    cork: () => socket.cork(),
    uncork: () => socket.uncork(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: (sent) => void socket.end(sent),
    reset: () => void (socket instanceof TLSSocket ? socket.destroy() : socket.resetAndDestroy()),
    destroy: () => socket.destroy(),
  };
}
