import type { JSX } from "preact";
import { percent, perSecond } from "../format.ts";
import { NODE_HEIGHT, NODE_WIDTH, type Point } from "./map-layout.ts";
import type { MapNode } from "./map-model.ts";

const TEXT_X = 20;
const NAME_HEIGHT = 20;

export function MapNodeBox({
  node,
  at,
}: {
  readonly node: MapNode;
  readonly at: Point | undefined;
}): JSX.Element | null {
  if (at === undefined) return null;
  const { service, level, lost, firing } = node;
  const x = at.x - NODE_WIDTH / 2;
  const y = at.y - NODE_HEIGHT / 2;
  return (
    <g
      class={`node level-${level}${lost > 0 ? " node-lost" : ""}${firing ? " node-firing" : ""}`}
      data-testid="map-node"
      data-service={service}
      data-lost={lost}
      transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}
    >
      <title>{describe(node)}</title>
      <rect class="node-box" width={NODE_WIDTH} height={NODE_HEIGHT} rx="8" />
      <rect class="node-stripe" width="5" height={NODE_HEIGHT - 16} x="6" y="8" rx="2.5" />
      <foreignObject x={TEXT_X} y="6" width={NODE_WIDTH - TEXT_X - 8} height={NAME_HEIGHT}>
        <div class="node-name truncate">{service}</div>
      </foreignObject>
      <text class="node-facts" x={TEXT_X} y="38">
        {facts(node)}
      </text>
      <text class={lost > 0 ? "node-facts node-warning" : "node-facts"} x={TEXT_X} y="53">
        {presence(node)}
      </text>
    </g>
  );
}

function facts({ ratePerSecond, errorRatio }: MapNode): string {
  if (errorRatio === null) return perSecond(ratePerSecond);
  return `${perSecond(ratePerSecond)} · ${percent(errorRatio, 2)} failed`;
}

function presence({ service, instances, lost, firing }: MapNode): string {
  const alert = firing ? " · alert firing" : "";
  if (lost > 0) return `✕ ${lost} of ${instances} lost${alert}`;
  if (service === "unknown") return "outside the mesh";
  if (instances === 0) return `no sidecar${alert}`;
  return `${instances} ${instances === 1 ? "pod" : "pods"}${alert}`;
}

function describe(node: MapNode): string {
  return `${node.service}: ${facts(node)}, ${presence(node)}`;
}
