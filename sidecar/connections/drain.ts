import type { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { DRAIN_POLL_MS, DRAIN_QUIET_MS } from "../limits.ts";
import type { Parts } from "../parts.ts";

/**
 * Stops without breaking a request: no new connections; requests in flight finish with `Connection: close`; idle
 * connections stay readable for a moment, for the request that is already under way, and close then.
 */
export async function drained(
  servers: readonly Server[],
  { connections, log }: Parts,
  deadlineMs: number,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  for (const server of servers) server.close();
  connections.closeAfterNext();
  if (connections.all().length > 0) await sleep(Math.min(DRAIN_QUIET_MS, deadlineMs));
  connections.drain();
  while (connections.busy > 0 && performance.now() < endMs) await sleep(DRAIN_POLL_MS);
  if (connections.busy > 0) log.warn({ requests: connections.busy }, "drain deadline passed; requests cut");
}
