import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Overview } from "../../overview.ts";
import { Empty } from "../panel.tsx";
import { edgeKey, type RecentEdge } from "./edge-window.ts";
import { MapEdge, MapEdgeLabel } from "./map-edge.tsx";
import { layoutMap } from "./map-layout.ts";
import { mapNodes, onlyRefusedEarlier } from "./map-model.ts";
import { MapNodeBox } from "./map-node.tsx";

/** Beyond these an SVG helps nobody; the busiest are drawn and the rest counted. */
export const MAP_NODE_LIMIT = 60;
export const MAP_EDGE_LIMIT = 150;

/** Who calls whom, now. */
export function ServiceMap({
  overview,
  edges,
}: {
  readonly overview: Overview;
  readonly edges: readonly RecentEdge[];
}): JSX.Element {
  const nodes = mapNodes(overview, edges).slice(0, MAP_NODE_LIMIT);
  const drawn = drawable(edges, new Set(nodes.map(({ service }) => service)));
  const shape = JSON.stringify([nodes.map(({ service }) => service), drawn.map(edgeKey)]);
  // The layout depends on names alone, which `shape` holds.
  const place = useMemo(
    () =>
      layoutMap(
        nodes.map(({ service }) => service),
        drawn.map((edge) => ({ ...edge, key: edgeKey(edge) })),
      ),
    [shape],
  );
  if (nodes.length === 0)
    return <Empty>No service has reported yet. Sidecars appear here with their first request.</Empty>;
  const refused = edges.filter(onlyRefusedEarlier);
  const hidden = edges.length - drawn.length - refused.length;
  return (
    <figure class="map-frame" aria-label="Service map">
      <svg
        class="map"
        viewBox={`0 0 ${place.width} ${place.height}`}
        width={place.width}
        height={place.height}
        role="presentation"
      >
        <defs>
          {(["ok", "warn", "bad", "idle"] as const).map((level) => (
            <marker
              key={level}
              id={`arrow-${level}`}
              class={`arrow level-${level}`}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto"
            >
              <path d="M 0 0 L 8 4 L 0 8 z" />
            </marker>
          ))}
        </defs>
        {drawn.map((edge) => (
          <MapEdge key={edgeKey(edge)} edge={edge} place={place.edges.get(edgeKey(edge))} />
        ))}
        {drawn.map((edge) => (
          <MapEdgeLabel key={edgeKey(edge)} edge={edge} place={place.edges.get(edgeKey(edge))} />
        ))}
        {nodes.map((node) => (
          <MapNodeBox key={node.service} node={node} at={place.nodes.get(node.service)} />
        ))}
      </svg>
      {refused.length > 0 ? <RefusedEarlier edges={refused} /> : null}
      {hidden > 0 ? <p class="muted">{hidden} quieter edges are not drawn.</p> : null}
    </figure>
  );
}

const REFUSED_SHOWN = 12;

function RefusedEarlier({ edges }: { readonly edges: readonly RecentEdge[] }): JSX.Element {
  const shown = edges.slice(0, REFUSED_SHOWN).map(({ client, server, denied }) => `${client} → ${server} (${denied})`);
  const more = edges.length > REFUSED_SHOWN ? ` and ${edges.length - REFUSED_SHOWN} more` : "";
  return (
    <figcaption class="muted small" data-testid="refused-earlier">
      Refused earlier, quiet now: {shown.join(", ")}
      {more}
    </figcaption>
  );
}

/** The busiest edges between drawn boxes, in a stable order. */
function drawable(edges: readonly RecentEdge[], services: ReadonlySet<string>): RecentEdge[] {
  const between = edges.filter((edge) => {
    return services.has(edge.client) && services.has(edge.server) && !onlyRefusedEarlier(edge);
  });
  const busiest = between.toSorted((a, b) => b.requests - a.requests).slice(0, MAP_EDGE_LIMIT);
  return busiest.toSorted((a, b) => (edgeKey(a) < edgeKey(b) ? -1 : 1));
}
