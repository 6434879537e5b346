import type { ClientConnection } from "../http/client.ts";
import type { Sweeper } from "../http/sweeper.ts";
import { POOL_IDLE_LIMIT } from "../limits.ts";

/**
 * Idle upstream connections by key (address and identity of both sides), newest first: the newest is the least
 * likely to have been closed meanwhile, and the surplus ages out.
 */
export class Pool {
  readonly #idle = new Map<string, ClientConnection[]>();
  readonly #open = new Map<ClientConnection, string>();
  readonly #idleMs: number;
  readonly #sweeper: Sweeper;

  constructor(idleMs: number, sweeper: Sweeper) {
    this.#idleMs = idleMs;
    this.#sweeper = sweeper;
  }

  /** Counts a new connection under its key until it closes. */
  add(key: string, connection: ClientConnection): void {
    this.#open.set(connection, key);
    connection.onClosed = () => this.#forget(key, connection);
    if (!connection.open) this.#forget(key, connection);
  }

  take(key: string): ClientConnection | undefined {
    const idle = this.#idle.get(key);
    for (let connection = idle?.pop(); connection !== undefined; connection = idle?.pop()) {
      if (connection.open && connection.reusable) return connection;
    }
    return undefined;
  }

  /** After a complete exchange: kept, or closed when it cannot carry another. */
  give(key: string, connection: ClientConnection): void {
    const idle = this.#idle.get(key) ?? [];
    const fit = connection.open && connection.reusable && connection.reader.idle && idle.length < POOL_IDLE_LIMIT;
    if (!fit) {
      connection.destroy();
      return;
    }
    connection.restUntil(this.#sweeper.nowMs + this.#idleMs);
    idle.push(connection);
    this.#idle.set(key, idle);
  }

  /** Idle connections that `keep` rejects close now; busy ones are not kept after their exchange. */
  retire(keep: (key: string) => boolean): void {
    for (const [key, idle] of this.#idle) {
      if (keep(key)) continue;
      for (const connection of idle) connection.destroy();
      this.#idle.delete(key);
    }
    for (const [connection, key] of this.#open) if (!keep(key)) connection.reusable = false;
  }

  /** Connections that `allowed` rejects close now, busy or not. */
  cut(allowed: (key: string) => boolean): void {
    for (const [connection, key] of this.#open) if (!allowed(key)) connection.destroy();
  }

  counts(): ReadonlyMap<string, { readonly open: number; readonly idle: number }> {
    const counts = new Map<string, { open: number; idle: number }>();
    for (const key of this.#open.values()) {
      const count = counts.get(key) ?? { open: 0, idle: this.#idle.get(key)?.length ?? 0 };
      count.open++;
      counts.set(key, count);
    }
    return counts;
  }

  close(): void {
    for (const connection of this.#open.keys()) connection.destroy();
  }

  #forget(key: string, connection: ClientConnection): void {
    this.#open.delete(connection);
    const idle = this.#idle.get(key);
    const at = idle?.indexOf(connection) ?? -1;
    if (at !== -1) idle?.splice(at, 1);
    if (idle?.length === 0) this.#idle.delete(key);
  }
}
