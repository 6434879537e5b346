import { lookup } from "node:dns";
import { Resolver as NameServers } from "node:dns/promises";
import { DNS_TRIES, DNS_TRY_MS } from "../limits.ts";

/** One address of a name. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name; rejects with the resolver's own error. */
export type Resolver = (hostname: string) => Promise<readonly Address[]>;

/**
 * As every program of this machine resolves names: hosts file, search domains. Each look-up holds one of very few
 * threads of this process until the name's servers answer, so it is for names that the operator chose.
 */
export const systemResolver: Resolver = (hostname) =>
  new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, addresses) => (error === null ? resolve(addresses) : reject(error)));
  });

export interface NameServerOptions {
  /** "127.0.0.1:53"; this machine's when left out. */
  readonly servers?: readonly string[];
  /** Longest wait for one answer, in milliseconds. */
  readonly tryMs?: number;
}

/**
 * Asks the name servers and nobody else, without a thread: a name whose servers never answer, which anybody can own and
 * write into a pod, holds up no other.
 */
export function nameServerResolver({ servers, tryMs = DNS_TRY_MS }: NameServerOptions = {}): Resolver {
  return async (hostname) => {
    const resolver = new NameServers({ timeout: tryMs, tries: DNS_TRIES });
    if (servers !== undefined) resolver.setServers(servers);
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    if (v4.status === "rejected" && v6.status === "rejected") throw v4.reason;
    return [...found(v4, 4), ...found(v6, 6)];
  };
}

function found(answer: PromiseSettledResult<string[]>, family: 4 | 6): Address[] {
  return answer.status === "fulfilled" ? answer.value.map((address) => ({ address, family })) : [];
}
