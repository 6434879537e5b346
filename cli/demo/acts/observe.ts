import type { TraceView } from "../../../collector/overview.ts";
import { SIDECAR_METRICS } from "../../../sidecar/metrics.ts";
import { ARRIVAL_DEADLINE_MS, ask, pause, until } from "../client.ts";
import type { Stage } from "../stage.ts";
import type { Finding } from "../verdicts.ts";
import { changeCluster, eventsArrive } from "./changes.ts";
import { overview } from "./overview.ts";

/** Two export intervals of the sidecars, in milliseconds. */
const SETTLE_MS = 500;
/** Requests of the observed burst, and how many at a time. */
const BURST = { count: 200, concurrency: 8 } as const;

const THREE = ["web", "checkout", "payments"] as const;
const EDGES = ["batch→web", "web→checkout", "checkout→payments"] as const;

/** Counters, traces and the service map, compared with what was really sent. */
export async function observeAct(stage: Stage): Promise<void> {
  stage.transcript.act("Observe", "what the sidecars saw, as the collector tells it");
  changeCluster(stage);
  const { statuses } = await stage.call("batch", "web", BURST);
  stage.transcript.say(`batch sent ${BURST.count} requests to web: ${JSON.stringify(statuses)}`);
  await stage.judge("metrics match requests sent", () => countsMatch(stage));
  await stage.judge("a trace crosses three services", () => traceCrosses(stage));
  await stage.judge("service map has the three edges", () => mapHasEdges(stage));
  await stage.judge("decisions and changes reach the event stream", () => eventsArrive(stage));
}

async function countsMatch(stage: Stage): Promise<Finding> {
  let counted = 0;
  const equal = await until(async () => {
    counted = countOf((await ask(`http://${stage.layout.web}/metrics`)).text);
    return counted === stage.sentToWeb ? true : undefined;
  }, ARRIVAL_DEADLINE_MS);
  return { ok: equal === true, got: `${counted} counted, ${stage.sentToWeb} sent` };
}

/** Sum of web's inbound request counters from batch, over every status, route and method. */
function countOf(exposition: string): number {
  const wanted = ['direction="inbound"', 'service="web"', 'peer="batch"'];
  const samples = exposition.split("\n").filter((line) => line.startsWith(`${SIDECAR_METRICS.requests.name}{`));
  const ours = samples.filter((line) => wanted.every((label) => line.includes(label)));
  return ours.reduce(
    (sum, line) =>
      sum +
      Number(
        line
          .slice(line.lastIndexOf("}") + 1)
          .trim()
          .split(" ")[0],
      ),
    0,
  );
}

async function traceCrosses(stage: Stage): Promise<Finding> {
  let widest: TraceView | undefined;
  await until(async () => {
    for (const trace of (await overview(stage)).traces) {
      if (widest === undefined || trace.services.length > widest.services.length) widest = trace;
    }
    return widest !== undefined && THREE.every((name) => widest?.services.includes(name)) ? true : undefined;
  }, ARRIVAL_DEADLINE_MS);
  if (widest === undefined) return { ok: false, got: "no trace arrived" };
  const { traceId, services, spans } = widest;
  return {
    ok: THREE.every((name) => services.includes(name)),
    got: `${traceId.slice(0, 8)}… ${services.join(", ")}; ${spans.length} spans`,
  };
}

async function mapHasEdges(stage: Stage): Promise<Finding> {
  let served: string[] = [];
  const isWhole = () => EDGES.every((edge) => served.includes(edge));
  await until(async () => {
    served = await servedEdges(stage);
    return isWhole() ? true : undefined;
  }, ARRIVAL_DEADLINE_MS);
  // A client's count may arrive before the server's refusals: what is still there when all have reported counts.
  await pause(SETTLE_MS);
  served = await servedEdges(stage);
  return { ok: isWhole(), got: served.length === 0 ? "no edges" : served.join(", ") };
}

/** Edges on which anything but refusals went. */
async function servedEdges(stage: Stage): Promise<string[]> {
  const { edges } = await overview(stage);
  return edges.filter((edge) => edge.requests > edge.denied).map((edge) => `${edge.client}→${edge.server}`);
}
