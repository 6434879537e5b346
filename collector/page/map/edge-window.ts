import type { EdgeView, Overview } from "../../overview.ts";

/** How far back "now" reaches for error and refusal ratios on the map. */
export const RECENT_MS = 15_000;

/** What an edge saw lately: counters of the overview are totals, and an old incident must not colour the map forever. */
export interface RecentEdge extends EdgeView {
  readonly recentRequests: number;
  readonly recentFailed: number;
  readonly recentDenied: number;
}

interface Sample {
  readonly atMs: number;
  readonly edges: ReadonlyMap<string, EdgeView>;
}

export function edgeKey({ client, server }: { readonly client: string; readonly server: string }): string {
  return JSON.stringify([client, server]);
}

/** Remembers overviews of the last seconds and takes differences of their counters. */
export class EdgeWindow {
  #samples: Sample[] = [];

  recent(overview: Overview): RecentEdge[] {
    this.#remember(overview);
    const before = this.#samples[0];
    return overview.edges.map((edge) =>
      difference(edge, before?.edges.get(edgeKey(edge)), before?.atMs !== overview.atMs),
    );
  }

  #remember({ atMs, edges }: Overview): void {
    const newest = this.#samples.at(-1);
    if (newest !== undefined && atMs < newest.atMs) this.#samples = [];
    if (newest?.atMs !== atMs) {
      this.#samples.push({ atMs, edges: new Map(edges.map((edge) => [edgeKey(edge), edge])) });
    }
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) <= atMs - RECENT_MS) this.#samples.shift();
  }
}

/** On the first overview, and after a counter began anew, the totals are all there is. */
function difference(edge: EdgeView, before: EdgeView | undefined, hasPast: boolean): RecentEdge {
  const restarted = before !== undefined && edge.requests < before.requests;
  const base = hasPast && before !== undefined && !restarted ? before : { requests: 0, failed: 0, denied: 0 };
  return {
    ...edge,
    recentRequests: edge.requests - base.requests,
    recentFailed: edge.failed - base.failed,
    recentDenied: edge.denied - base.denied,
  };
}
