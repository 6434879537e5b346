import type { Socket } from "node:net";
import type { ServerConnection } from "../http/server.ts";
import type { Swept } from "../http/sweeper.ts";
import type { Peer } from "../identity/peer.ts";
import { CONNECTION_LIMIT } from "../limits.ts";
import type { Direction } from "../telemetry/recorder.ts";

/** One accepted connection, as the listener and the admin page see it. */
export interface Accepted {
  readonly direction: Direction;
  /** The pod's port that was dialled. */
  readonly port: number;
  /** The TCP socket, or the TLS one on top once it is terminated. */
  socket: Socket;
  readonly remoteIp: string;
  readonly openedMs: number;
  /** Set by `mtls`. */
  peer?: Peer;
  /** Set once HTTP is served on it. */
  server?: ServerConnection;
  /** Whether the policy in force lets it in, once judged. */
  allowed?: boolean;
  /** Monotonic milliseconds after which it takes no further request. */
  closeAfterMs: number;
}

/** Every open client connection: counted, listed, aged, cut when policy changes. */
export class Connections implements Swept {
  readonly #open = new Set<Accepted>();
  readonly #counts = { inbound: 0, outbound: 0 };
  draining = false;

  /** @returns false when it must be closed at once: over its direction's limit, or draining */
  add(accepted: Accepted): boolean {
    const { direction, socket } = accepted;
    if (this.draining || this.#counts[direction] >= CONNECTION_LIMIT) return false;
    this.#open.add(accepted);
    this.#counts[direction]++;
    socket.once("close", () => {
      if (this.#open.delete(accepted)) this.#counts[direction]--;
    });
    return true;
  }

  all(): readonly Accepted[] {
    return [...this.#open];
  }

  counts(): Readonly<Record<Direction, number>> {
    return { ...this.#counts };
  }

  get busy(): number {
    let busy = 0;
    for (const { server } of this.#open) if (server?.busy) busy++;
    return busy;
  }

  sweep(nowMs: number): void {
    for (const { server, closeAfterMs } of this.#open)
      if (nowMs >= closeAfterMs && server !== undefined) server.closing = true;
  }

  /** Every connection closes after its next answer; no new ones are taken. */
  closeAfterNext(): void {
    this.draining = true;
    for (const { server } of this.#open) if (server !== undefined) server.closing = true;
  }

  /** In-flight requests finish, then their connections close; idle ones close now. */
  drain(): void {
    for (const { server, socket } of this.#open) {
      if (server === undefined) socket.destroy();
      else server.closeSoon();
    }
  }

  destroyAll(): void {
    for (const { socket } of this.#open) socket.destroy();
  }
}
