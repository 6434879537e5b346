import type { Cell } from "./histogram.ts";
import { RecentCount, RecentQuantiles } from "./recent.ts";
import { isServerError, RED_SERIES } from "./red.ts";
import type { Increment } from "./rollup.ts";

/** Most arrows kept; requests of further ones are in the metrics, not on the map. */
export const EDGE_LIMIT = 5_000;

/** What one side of an edge has reported since the collector's state began. */
export interface SideTotals {
  requests: number;
  failed: number;
  denied: number;
}

export interface Edge {
  readonly client: string;
  readonly server: string;
  /** From the client's sidecar (outbound series) and from the server's (inbound series): the same requests twice. */
  readonly outbound: SideTotals;
  readonly inbound: SideTotals;
  readonly rates: { readonly outbound: RecentCount; readonly inbound: RecentCount };
  readonly durations: { readonly outbound: RecentQuantiles; readonly inbound: RecentQuantiles };
}

type Side = "outbound" | "inbound";

/**
 * The service map. Both sidecars of a call count it, so an edge has two views of the same requests; the larger one
 * is shown, which is the client's when the server was down and the server's when the client has no sidecar.
 */
export class ServiceGraph {
  readonly #edges = new Map<string, Edge>();

  /** Per increment; other series than the sidecars' request series are ignored. */
  add(increment: Increment, nowMs: number): void {
    const { direction, service, peer } = increment.labels;
    if (direction !== "inbound" && direction !== "outbound") return;
    if (service === undefined || peer === undefined || service === "" || peer === "") return;
    const edge = direction === "inbound" ? this.#edge(peer, service) : this.#edge(service, peer);
    if (edge !== undefined) count(edge, direction, increment, nowMs);
  }

  get edges(): readonly Edge[] {
    return [...this.#edges.values()];
  }

  /** Puts totals back after a restart; rates start anew. */
  restore(edges: readonly Pick<Edge, "client" | "server" | Side>[]): void {
    for (const { client, server, outbound, inbound } of edges) {
      const edge = this.#edge(client, server);
      if (edge === undefined) return;
      Object.assign(edge.outbound, outbound);
      Object.assign(edge.inbound, inbound);
    }
  }

  #edge(client: string, server: string): Edge | undefined {
    const key = `${client}\u0000${server}`;
    const known = this.#edges.get(key);
    if (known !== undefined || this.#edges.size >= EDGE_LIMIT) return known;
    const edge: Edge = {
      client,
      server,
      outbound: { requests: 0, failed: 0, denied: 0 },
      inbound: { requests: 0, failed: 0, denied: 0 },
      rates: { outbound: new RecentCount(), inbound: new RecentCount() },
      durations: { outbound: new RecentQuantiles(), inbound: new RecentQuantiles() },
    };
    this.#edges.set(key, edge);
    return edge;
  }
}

/** What both sides agree on at most: see ServiceGraph. */
export function totalsOf({ outbound, inbound }: Pick<Edge, Side>): SideTotals {
  return {
    requests: Math.max(outbound.requests, inbound.requests),
    failed: Math.max(outbound.failed, inbound.failed),
    denied: Math.max(outbound.denied, inbound.denied),
  };
}

function count(edge: Edge, side: Side, increment: Increment, nowMs: number): void {
  const totals = edge[side];
  if (increment.metric === RED_SERIES.denied) totals.denied += increment.value;
  else if (increment.metric === RED_SERIES.requests) {
    totals.requests += increment.value;
    if (isServerError(increment.labels["status"])) totals.failed += increment.value;
    if (!increment.undated) edge.rates[side].add(nowMs, increment.value);
  } else if (increment.metric === RED_SERIES.duration && !increment.undated) {
    edge.durations[side].add(nowMs, increment.histogram?.cells ?? ([] as Cell[]));
  }
}
