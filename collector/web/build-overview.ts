import { HOUR_MS } from "../../core/base/clock.ts";
import { BURN_WINDOWS_MS, windowName } from "../../core/slo/windows.ts";
import type { EdgeView, Overview, SloView } from "../overview.ts";
import type { Parts } from "../pipeline.ts";
import { type Edge, totalsOf } from "../rollup/graph.ts";
import type { Alerts } from "../slo/alerts.ts";
import type { TrackedSlo } from "../slo/slos.ts";

export const OVERVIEW_TRACES = 50;
export const OVERVIEW_EVENTS = 200;
/** The busiest; a map of more is no map. */
export const OVERVIEW_EDGES = 500;
/** What the traces, and the events, of one overview may hold, in UTF-16 units each. */
export const OVERVIEW_LIST_SIZE = 512 * 1024;

/** What the page shows now. Costs a few milliseconds; built at most twice a second however many look. */
export function buildOverview(parts: Parts, alerts: Alerts, nowMs: number): Overview {
  return {
    atMs: nowMs,
    timeScale: parts.slos.timeScale,
    instances: parts.instances.views(nowMs),
    edges: busiest(parts.graph.edges).map((edge) => edgeView(edge, nowMs)),
    slos: parts.slos.all.map((slo) => sloView(slo, nowMs)),
    alerts: alerts.views(nowMs),
    traces: parts.traces.newest(OVERVIEW_TRACES, OVERVIEW_LIST_SIZE),
    events: parts.events.newest(OVERVIEW_EVENTS, OVERVIEW_LIST_SIZE),
  };
}

function busiest(edges: readonly Edge[]): readonly Edge[] {
  if (edges.length <= OVERVIEW_EDGES) return edges;
  return edges.toSorted((a, b) => totalsOf(b).requests - totalsOf(a).requests).slice(0, OVERVIEW_EDGES);
}

function edgeView(edge: Edge, nowMs: number): EdgeView {
  const { client, server, rates, durations } = edge;
  const side = edge.inbound.requests > 0 ? "inbound" : "outbound";
  return {
    client,
    server,
    ...totalsOf(edge),
    ratePerSecond: Math.max(rates.inbound.perSecond(nowMs), rates.outbound.perSecond(nowMs)),
    p50Ms: durations[side].quantileMs(nowMs, 0.5),
    p99Ms: durations[side].quantileMs(nowMs, 0.99),
  };
}

function sloView({ objective, history }: TrackedSlo, nowMs: number): SloView {
  const exhaustedInMs = history.exhaustedInMs(nowMs, HOUR_MS);
  const rates = BURN_WINDOWS_MS.map((ms) => [windowName(ms), history.burnRate(nowMs, ms) ?? null] as const);
  return {
    slo: objective.slo,
    namespace: objective.namespace,
    service: objective.service,
    objective: objective.target,
    periodMs: objective.periodMs,
    ...history.period(nowMs),
    budgetRemaining: history.budgetRemaining(nowMs) ?? null,
    coverage: history.coverage(nowMs),
    burnRates: Object.fromEntries(rates),
    exhaustedAtMs: exhaustedInMs === undefined ? null : nowMs + exhaustedInMs,
    burnDown: history.burnDown(nowMs),
  };
}
