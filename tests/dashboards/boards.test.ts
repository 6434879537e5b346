import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { COLLECTOR_METRICS } from "../../collector/metrics.ts";
import { CATALOGUE, seriesLabels } from "../../dashboards/catalogue.ts";
import { expressionProblems } from "../../dashboards/check.ts";
import { buildDashboards, checkDashboard, renderDashboard, writeDashboards } from "../../dashboards/generate.ts";

const CHECKED_IN = join(import.meta.dirname, "../../dashboards/grafana");
const BOARDS = buildDashboards();

/** A fresh copy that a case may spoil. */
function copy(fileName: string) {
  const board = BOARDS.find((one) => one.fileName === fileName);
  return JSON.parse(renderDashboard(board!.json));
}

function expressions(): string[] {
  return BOARDS.flatMap(({ json }) =>
    (json.panels ?? []).flatMap((panel) => ("targets" in panel ? (panel.targets ?? []) : [])),
  ).map((target) => (target as unknown as { expr: string }).expr);
}

describe("the generated boards", () => {
  it("are the ones checked in (node dashboards/generate-files.ts writes them anew)", async () => {
    expect((await readdir(CHECKED_IN)).toSorted()).toEqual(BOARDS.map(({ fileName }) => fileName).toSorted());
    for (const { fileName, json } of BOARDS) {
      expect(await readFile(join(CHECKED_IN, fileName), "utf8")).toBe(renderDashboard(json));
    }
  });

  it("load without a problem", () => {
    for (const { json } of BOARDS) expect(checkDashboard(JSON.parse(renderDashboard(json)))).toEqual([]);
  });

  it("ask Prometheus only for metrics and labels of the catalogue", () => {
    expect(expressions().length).toBeGreaterThan(40);
    for (const expr of expressions()) expect([expr, expressionProblems(expr)]).toEqual([expr, []]);
  });

  it("start with the data source and chain each variable to those before it", () => {
    for (const { json } of BOARDS) {
      const [first, ...others] = json.templating.list ?? [];
      expect(first?.type).toBe("datasource");
      others.forEach((variable, index) => {
        const query = JSON.stringify(variable.query);
        for (const earlier of others.slice(0, index)) expect(query).toContain(`$${earlier.name}`);
      });
    }
  });

  it("link to boards that exist, with time and variables", () => {
    const uids = BOARDS.map(({ json }) => `/d/${json.uid}`);
    for (const { json } of BOARDS) {
      for (const link of json.links ?? []) {
        expect([link.keepTime, link.includeVars]).toEqual([true, true]);
        if (link.url !== undefined) expect(uids).toContain(link.url);
      }
    }
  });

  it("give every panel its own place", () => {
    for (const { json } of BOARDS) {
      const cells = (json.panels ?? []).flatMap(({ gridPos }) => cellsOf(gridPos!));
      expect(new Set(cells).size).toBe(cells.length);
      expect(new Set(json.panels?.map(({ id }) => id)).size).toBe(json.panels?.length);
    }
  });

  it("are written to a folder that did not exist", async () => {
    const folder = await mkdtemp(join(tmpdir(), "boards-"));
    try {
      const files = await writeDashboards(join(folder, "grafana"));
      expect(files).toHaveLength(BOARDS.length);
      for (const file of files) expect(checkDashboard(JSON.parse(await readFile(file, "utf8")))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("refuse a folder that cannot be one, with a code and a fix", async () => {
    const failure = writeDashboards(join(import.meta.filename, "grafana"));
    await expect(failure).rejects.toMatchObject({
      code: "DASHBOARD_UNWRITABLE",
      fix: expect.stringContaining("folder"),
    });
  });
});

describe("a board is refused", () => {
  type Spoilt = ReturnType<typeof copy>;
  const firstGraph = (board: Spoilt) => board.panels.find((panel: { type: string }) => panel.type !== "row");
  const cases: [given: string, spoil: (board: Spoilt) => void, message: RegExp][] = [
    ["without a uid", (board) => delete board.uid, /uid/],
    ["of another schema", (board) => (board.schemaVersion = 16), /schemaVersion/],
    ["whose data source is not first", (board) => board.templating.list.reverse(), /data source first/],
    ["without panels", (board) => (board.panels = []), /panels/],
    ["of rows alone", (board) => (board.panels = [board.panels[0]]), /rows alone/],
    ["whose panel has no description", (board) => delete firstGraph(board).description, /description/],
    ["whose panel has no unit", (board) => delete firstGraph(board).fieldConfig.defaults.unit, /unit/],
    ["whose panel has no query", (board) => (firstGraph(board).targets = []), /targets/],
    ["whose query is not PromQL", (board) => (firstGraph(board).targets[0].expr = "sum by ("), /not PromQL/],
    [
      "whose query asks for a metric nobody exports",
      (board) => (firstGraph(board).targets[0].expr = "outrider_slo_burn_speed"),
      /outrider_slo_burn_speed: no service exports this metric/,
    ],
    [
      "whose query asks for a label the metric lacks",
      (board) => (firstGraph(board).targets[0].expr = 'outrider_slo_burn_rate{pod="a"}'),
      /has no label pod/,
    ],
    [
      "whose query groups by a label the metric lacks",
      (board) => (firstGraph(board).targets[0].expr = "sum by (pod) (outrider_slo_burn_rate)"),
      /groups by pod/,
    ],
  ];
  it.each(cases)("%s", (_given, spoil, message) => {
    const board = copy("outrider-slo.json");
    spoil(board);
    expect(checkDashboard(board).map((problem) => problem.message)).toEqual([expect.stringMatching(message)]);
  });

  it.each([null, 7, "board", [], {}])("when it is %p instead of a board", (json) => {
    expect(checkDashboard(json)).not.toEqual([]);
  });

  it("when any one metric that it asks for is renamed", () => {
    const asked = CATALOGUE.filter(({ name }) => expressions().some((expr) => expr.includes(name)));
    expect(asked.length).toBeGreaterThan(15);
    for (const renamed of asked) {
      const known = seriesLabels(CATALOGUE.filter((metric) => metric !== renamed));
      expect([renamed.name, expressions().some((expr) => expressionProblems(expr, known).length > 0)]).toEqual([
        renamed.name,
        true,
      ]);
    }
  });
});

it("the SLO board asks for every series of an objective", () => {
  const text = renderDashboard(BOARDS.find(({ fileName }) => fileName === "outrider-slo.json")!.json);
  const { burnRate, objective, budgetRemaining, coverage, alertState, sloEvents, edges } = COLLECTOR_METRICS;
  for (const { name } of [burnRate, objective, budgetRemaining, coverage, alertState, sloEvents, edges]) {
    expect(text).toContain(name);
  }
});

function cellsOf({ x, y, w, h }: { x: number; y: number; w: number; h: number }): string[] {
  return Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`);
}
