import { type Dashboard, defaultDashboard, type Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import { z } from "zod";
import { CATALOGUE, seriesLabels } from "./catalogue.ts";
import { readPromql } from "./promql.ts";

/** What is wrong with a board, and where: `panels[3] "Latency"`. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

const TARGET = z.looseObject({ refId: z.string().min(1), expr: z.string().min(1) });
const PANEL = z.looseObject({
  type: z.string().min(1),
  title: z.string().min(1),
  gridPos: z.looseObject({ h: z.int().positive(), w: z.int().min(1).max(24), x: z.int().min(0), y: z.int().min(0) }),
});
const GRAPH = z.looseObject({
  ...PANEL.shape,
  description: z.string().min(1),
  datasource: z.looseObject({ uid: z.string().min(1) }),
  fieldConfig: z.looseObject({ defaults: z.looseObject({ unit: z.string().min(1) }) }),
  targets: z.array(TARGET).min(1),
});
const BOARD = z.looseObject({
  uid: z.string().regex(/^[a-z0-9-]{8,40}$/),
  title: z.string().min(1),
  schemaVersion: z.literal(defaultDashboard().schemaVersion),
  templating: z.looseObject({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })).min(1) }),
  panels: z.array(PANEL).min(1),
});

/**
 * Reads a board back: the fields that the SDK's types require, a data source variable first, and on each graph a
 * title, description, unit and queries that Prometheus' grammar accepts and the metric catalogue knows.
 *
 * @returns every problem, none for a good board
 */
export function checkDashboard(json: unknown): Problem[] {
  const shape = BOARD.safeParse(json);
  if (!shape.success) return shapeProblems("", shape.error);
  const board = json as Dashboard;
  const graphs = (board.panels ?? []).flatMap((panel, index) => (panel.type === "row" ? [] : [{ panel, index }]));
  return [
    ...datasourceProblems(board),
    ...(graphs.length === 0
      ? [{ path: "panels", message: "expected at least one panel with queries, found rows alone" }]
      : []),
    ...graphs.flatMap(({ panel, index }) => panelProblems(panel as Panel, `panels[${index}] "${panel.title ?? ""}"`)),
  ];
}

function shapeProblems(path: string, error: z.ZodError): Problem[] {
  return error.issues.map((issue) => ({
    path: [path, issue.path.join(".")].filter((part) => part !== "").join(" "),
    message: `${issue.path.join(".") || "board"}: ${issue.message}`,
  }));
}

function datasourceProblems(board: Dashboard): Problem[] {
  const first = board.templating.list?.[0]?.type;
  if (first === "datasource") return [];
  return [{ path: "templating.list[0]", message: `expected the data source first, found ${first}` }];
}

function panelProblems(panel: Panel, path: string): Problem[] {
  const shape = GRAPH.safeParse(panel);
  if (!shape.success) return shapeProblems(path, shape.error);
  return shape.data.targets.flatMap((target) =>
    expressionProblems(target.expr).map((message) => ({ path: `${path} ${target.refId}`, message })),
  );
}

const KNOWN = seriesLabels(CATALOGUE);

/** What the grammar and the catalogue have against an expression. */
export function expressionProblems(expr: string, known: ReadonlyMap<string, ReadonlySet<string>> = KNOWN): string[] {
  const { selections, groupings, error } = readPromql(expr);
  if (error !== undefined) return [`not PromQL near: ${error}`];
  if (selections.length === 0) return [`asks for no series: ${expr}`];
  const carried = new Set(selections.flatMap(({ metric }) => [...(known.get(metric) ?? [])]));
  return [
    ...selections.flatMap(({ metric, labels }) => selectionProblems(metric, labels, known)),
    ...groupings
      .filter((label) => !carried.has(label))
      .map((label) => `groups by ${label}, which no series here carries`),
  ];
}

function selectionProblems(
  metric: string,
  labels: readonly string[],
  known: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const carried = known.get(metric);
  if (carried === undefined) return [`${metric}: no service exports this metric`];
  return labels.filter((label) => !carried.has(label)).map((label) => `${metric}: has no label ${label}`);
}
