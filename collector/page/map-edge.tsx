import type { JSX } from "preact";
import type { RecentEdge } from "./edge-window.ts";
import { latency, number, percent, perSecond } from "./format.ts";
import { type Layout, pathThrough } from "./map-layout.ts";
import { edgeLevel, ratio } from "./map-model.ts";

type Placed = Layout["edges"] extends ReadonlyMap<string, infer P> ? P : never;

/** An arrow with its rate and p99, and a second line when something fails or is refused. */
export function MapEdge({
  edge,
  place,
}: {
  readonly edge: RecentEdge;
  readonly place: Placed | undefined;
}): JSX.Element | null {
  if (place === undefined) return null;
  const level = edgeLevel(edge);
  const trouble = troubleText(edge);
  const { x, y } = place.label;
  return (
    <g
      class={`edge level-${level}`}
      data-testid="map-edge"
      data-client={edge.client}
      data-server={edge.server}
      data-denied={edge.denied}
    >
      <title>{describe(edge)}</title>
      <path d={pathThrough(place.points)} marker-end={`url(#arrow-${level})`} />
      <text class="edge-text" x={x} y={trouble === "" ? y - 5 : y - 8}>
        {perSecond(edge.ratePerSecond)} · p99 {latency(edge.p99Ms)}
      </text>
      {trouble === "" ? null : (
        <text class="edge-text edge-trouble" x={x} y={y + 14}>
          {trouble}
        </text>
      )}
    </g>
  );
}

function troubleText(edge: RecentEdge): string {
  const failed = ratio(edge.recentFailed, edge.recentRequests) ?? 0;
  const parts = [
    edge.denied > 0 ? `${number(edge.denied)} denied` : "",
    failed > 0 ? `${percent(failed, 2)} errors` : "",
  ];
  return parts.filter((part) => part !== "").join(" · ");
}

function describe(edge: RecentEdge): string {
  const { client, server, requests, failed, denied, p50Ms, p99Ms } = edge;
  return [
    `${client} to ${server}: ${perSecond(edge.ratePerSecond)}`,
    `p50 ${latency(p50Ms)}, p99 ${latency(p99Ms)}`,
    `${requests} requests in all, ${failed} failed, ${denied} denied`,
  ].join("\n");
}
