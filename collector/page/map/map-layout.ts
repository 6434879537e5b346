import { Graph, layout } from "@dagrejs/dagre";

export const NODE_WIDTH = 168;
export const NODE_HEIGHT = 62;
/** Room that the layout keeps free for an arrow's lines of text. */
const LABEL_WIDTH = 84;
const LABEL_HEIGHT = 48;
const MARGIN = 10;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Centres, by service. */
  readonly nodes: ReadonlyMap<string, Point>;
  /** By edge key: the bends of the arrow and the centre of its text. */
  readonly edges: ReadonlyMap<string, { readonly points: readonly Point[]; readonly label: Point }>;
}

/** Callers on the left, callees on the right. Costs milliseconds: call it when the shape changes, not per update. */
export function layoutMap(
  services: readonly string[],
  edges: readonly { readonly key: string; readonly client: string; readonly server: string }[],
): Layout {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 26, ranksep: 36, edgesep: 16, marginx: MARGIN, marginy: MARGIN });
  for (const service of services) graph.setNode(service, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const { key, client, server } of edges) {
    graph.setEdge(client, server, { width: LABEL_WIDTH, height: LABEL_HEIGHT, labelpos: "c" }, key);
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    nodes: new Map(services.map((service) => [service, pointOf(graph.node(service))])),
    edges: new Map(
      edges.map(({ key, client, server }) => {
        const placed = graph.edge(client, server, key) as { points?: Point[]; x?: number; y?: number };
        return [key, { points: placed.points ?? [], label: pointOf(placed) }];
      }),
    ),
  };
}

function pointOf(placed: { readonly x?: number; readonly y?: number } | undefined): Point {
  return { x: placed?.x ?? 0, y: placed?.y ?? 0 };
}

/** A smooth line through the bends: straight ends, quadratic curves around the points between. */
export function pathThrough(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return "";
  const bends = rest.slice(0, -1).map((bend, index) => {
    const next = rest[index + 1] ?? last;
    const end = index === rest.length - 2 ? last : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    return `Q ${at(bend)} ${at(end)}`;
  });
  return [`M ${at(first)}`, ...bends, ...(bends.length === 0 ? [`L ${at(last)}`] : [])].join(" ");
}

function at({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}
