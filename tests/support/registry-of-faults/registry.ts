import { type EmbeddedRegistry, startRegistry } from "../../../cli/demo/registry/registry.ts";
import type { Fault } from "../../../cli/demo/registry/reply.ts";
import type { Transport } from "../../../core/images/registry/transport.ts";
import { inProcess } from "./in-process.ts";

/** What a client sent, for asserting what it must not send. */
export interface Request {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
}

/** The embedded registry, well-behaved until told otherwise. */
export interface FaultyRegistry extends EmbeddedRegistry {
  /** Applies from the next request on; several add up in order. */
  inject(...faults: readonly Fault[]): void;
  /** Well-behaved again, and forgets what was asked. */
  calm(): void;
  readonly requests: Request[];
  /** Reaches this registry without a socket, under its own host; faults apply all the same. */
  readonly transport: Transport;
}

/**
 * A registry that lies, dawdles and breaks off on demand. Push and sign while it is calm, then inject:
 *
 *   const registry = await startFaultyRegistry();
 *   registry.inject(on(/referrers/, status(500)));
 */
export async function startFaultyRegistry(host = "127.0.0.1"): Promise<FaultyRegistry> {
  const active: Fault[] = [];
  const requests: Request[] = [];
  const fault: Fault = async (exchange) => {
    const { method, url, headers } = exchange;
    requests.push({ method, url, authorization: headers["authorization"] as string | undefined });
    let { reply } = exchange;
    for (const one of active) reply = (await one({ ...exchange, reply })) ?? reply;
    return reply;
  };
  const registry = await startRegistry({ host, port: 0, faults: [fault] });
  return {
    ...registry,
    requests,
    transport: inProcess({ [registry.host]: registry }),
    inject: (...faults) => void active.push(...faults),
    calm: () => {
      active.length = 0;
      requests.length = 0;
    },
  };
}
