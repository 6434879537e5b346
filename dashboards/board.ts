import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type DashboardLinkBuilder,
  type Panel,
  RowBuilder,
  type VariableModel,
} from "@grafana/grafana-foundation-sdk/dashboard";
import type { Vector } from "./query.ts";
import { boardsLink, DATASOURCE, datasourceVariable } from "./variables.ts";

interface Builds<T> {
  build(): T;
}

/** A board before it is Grafana JSON. Its `uid` never changes: links and bookmarks hold it. */
export interface Board {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** After the data source, each narrowing the next. */
  readonly variables: readonly Builds<VariableModel>[];
  readonly links: readonly DashboardLinkBuilder[];
  readonly annotations: readonly Annotation[];
  readonly rows: readonly Row[];
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Builds<Panel>[];
}

/** A mark across every graph while the query has a sample. */
export interface Annotation {
  readonly name: string;
  readonly color: string;
  readonly query: Vector<string>;
  readonly title: string;
}

/** Grafana's classic JSON (schemaVersion 42) of a board. */
export function boardJson(board: Board): Dashboard {
  const builder = new DashboardBuilder(board.title)
    .uid(board.uid)
    .description(board.description)
    .tags(["outrider", ...board.tags])
    .timezone("browser")
    .time({ from: "now-6h", to: "now" })
    .refresh("30s")
    .tooltip(DashboardCursorSync.Crosshair)
    .editable()
    .variables([datasourceVariable(), ...board.variables])
    .links([boardsLink(), ...board.links])
    .annotations(board.annotations.map(annotation));
  for (const row of board.rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(panel);
  }
  return numbered(builder.build());
}

function annotation({ name, color, query, title }: Annotation): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .enable(true)
    .datasource(DATASOURCE)
    .iconColor(color)
    .expr(query.expr)
    .titleFormat(title)
    .step("30s");
}

/** Panels count from 1 in reading order, so that a link to one panel stays valid while the board does not change. */
function numbered(dashboard: Dashboard): Dashboard {
  const panels = (dashboard.panels ?? []).map((panel, index) => ({ ...panel, id: index + 1 }));
  return { ...dashboard, panels };
}
