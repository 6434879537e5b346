import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COLLECTOR_METRICS } from "../../../collector/metrics.ts";
import type { Overview } from "../../../collector/overview.ts";
import { checkDashboard, writeDashboards } from "../../../dashboards/generate.ts";
import { ARRIVAL_DEADLINE_MS, ask, until } from "../client.ts";
import { WORKLOADS } from "../layout.ts";
import type { Stage } from "../stage.ts";
import type { Finding } from "../verdicts.ts";
import { overview } from "./overview.ts";

/** Four sidecars, the control plane, the collector and the webhook. */
const PARTS = WORKLOADS.length + 3;

/**
 * The page at the collector's address, and the dashboards as files.
 *
 * @param keep  the folder that the dashboards stay in; absent, they go with the run's own
 */
export async function seeAct(stage: Stage, keep: string | undefined): Promise<void> {
  stage.transcript.act("See", `http://${stage.layout.web}/`);
  await stage.judge("page answers", () => pageAnswers(stage));
  const files = await writeDashboards(keep ?? join(stage.layout.folder, "dashboards"));
  if (stage.broken.has("rename-metric")) renameMetric(files);
  for (const file of files) stage.transcript.say(`wrote ${file}`);
  if (keep === undefined)
    stage.transcript.say("they go when the demo ends; --dashboards FOLDER keeps them, dashboards/grafana has them too");
  await stage.judge("dashboard JSON loads through the SDK's types", () => dashboardsLoad(files));
}

async function pageAnswers(stage: Stage): Promise<Finding> {
  const page = await ask(`http://${stage.layout.web}/`);
  const script = /<script[^>]+src="([^"]+)"/.exec(page.text)?.[1];
  if (page.status !== 200 || script === undefined) return { ok: false, got: `status ${page.status}, no script` };
  const code = await ask(new URL(script, `http://${stage.layout.web}/`).href);
  const isWhole = async () => {
    const model = await overview(stage);
    return liveIn(model) === PARTS && model.slos.length > 0 ? model : undefined;
  };
  const whole = await until(isWhole, ARRIVAL_DEADLINE_MS);
  const model = whole ?? (await overview(stage));
  const ok = code.status === 200 && code.text.length > 0 && whole !== undefined;
  return {
    ok,
    got: `page ${page.status}, script ${Math.round(code.text.length / 1024)} KiB, ${liveIn(model)} parts up, ${model.slos.length} SLO`,
  };
}

const liveIn = ({ instances }: Overview): number => instances.filter(({ state }) => state === "up").length;

function dashboardsLoad(files: readonly string[]): Finding {
  const problems = files.flatMap((file) => checkDashboard(JSON.parse(readFileSync(file, "utf8"))));
  const first = problems[0];
  if (files.length === 0) return { ok: false, got: "no dashboard written" };
  return {
    ok: first === undefined,
    got: first === undefined ? `${files.length} boards, 0 problems` : `${problems.length} problems: ${first.message}`,
  };
}

function renameMetric(files: readonly string[]): void {
  for (const file of files) {
    writeFileSync(
      file,
      readFileSync(file, "utf8").replaceAll(COLLECTOR_METRICS.burnRate.name, "outrider_slo_burn_speed"),
    );
  }
}
