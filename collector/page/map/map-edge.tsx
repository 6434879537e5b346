import type { JSX } from "preact";
import { latency, number, percent, perSecond } from "../format.ts";
import type { RecentEdge } from "./edge-window.ts";
import { type Layout, pathThrough } from "./map-layout.ts";
import { edgeLevel, ratio } from "./map-model.ts";

type Placed = Layout["edges"] extends ReadonlyMap<string, infer P> ? P : never;

interface EdgeProps {
  readonly edge: RecentEdge;
  readonly place: Placed | undefined;
}

const LINE_PX = 14;
/** Widest a character of the label's font gets, in pixels. */
const CHARACTER_PX = 6.9;

/** The arrow alone: labels are drawn after all arrows, so that none crosses a text. */
export function MapEdge({ edge, place }: EdgeProps): JSX.Element | null {
  if (place === undefined) return null;
  const level = edgeLevel(edge);
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
    </g>
  );
}

/** Rate and p99, and a line each for what fails and what is refused. */
export function MapEdgeLabel({ edge, place }: EdgeProps): JSX.Element | null {
  if (place === undefined) return null;
  const lines = labelLines(edge);
  const width = Math.max(...lines.map(({ text }) => text.length)) * CHARACTER_PX + 6;
  const height = lines.length * LINE_PX + 4;
  const { x, y } = place.label;
  const top = y - height / 2;
  return (
    <g class="edge-label" data-testid="map-edge-label">
      <title>{describe(edge)}</title>
      <rect x={x - width / 2} y={top} width={width} height={height} rx="4" />
      {lines.map(({ text, trouble }, index) => (
        <text key={text} class={trouble ? "edge-trouble" : ""} x={x} y={top + (index + 1) * LINE_PX - 2}>
          {text}
        </text>
      ))}
    </g>
  );
}

function labelLines(edge: RecentEdge): { text: string; trouble: boolean }[] {
  const failed = ratio(edge.recentFailed, edge.recentRequests) ?? 0;
  return [
    { text: perSecond(edge.ratePerSecond), trouble: false },
    ...(edge.p99Ms === null ? [] : [{ text: `p99 ${latency(edge.p99Ms)}`, trouble: false }]),
    ...(failed > 0 ? [{ text: `${percent(failed, 2)} failed`, trouble: true }] : []),
    ...(edge.denied > 0 ? [{ text: `${number(edge.denied)} denied`, trouble: true }] : []),
  ];
}

function describe(edge: RecentEdge): string {
  const { client, server, requests, failed, denied, p50Ms, p99Ms } = edge;
  return [
    `${client} to ${server}: ${perSecond(edge.ratePerSecond)}`,
    `p50 ${latency(p50Ms)}, p99 ${latency(p99Ms)}`,
    `${requests} requests in all, ${failed} failed, ${denied} denied`,
  ].join("\n");
}
