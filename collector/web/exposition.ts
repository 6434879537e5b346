import { SECOND_MS } from "../../core/base/clock.ts";
import type { MetricSpec } from "../../core/base/metric.ts";
import { BURN_WINDOWS_MS, windowName } from "../../core/slo/windows.ts";
import { COLLECTOR_METRICS as M } from "../metrics.ts";
import type { Parts } from "../pipeline.ts";
import type { Balance } from "../receive/tally.ts";
import type { Edge } from "../rollup/graph.ts";
import { totalsOf } from "../rollup/graph.ts";
import type { Family, Labels, Series } from "../rollup/series.ts";
import type { Alerts } from "../slo/alerts.ts";
import type { TrackedSlo } from "../slo/slos.ts";

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** In a second. */
const MICROSECONDS = 1e6;

export interface ExpositionSource {
  readonly parts: Parts;
  readonly alerts: Alerts;
  readonly balance: Balance;
  readonly problems: readonly string[];
  readonly logBytes: number;
}

/** Everything the collector knows, as Prometheus text. Cost: proportional to the series; called once per scrape. */
export function renderMetrics(source: ExpositionSource, nowMs: number): string {
  const { parts, alerts, balance } = source;
  const own = [...balanceFamilies(balance), ...processFamilies(source), ...graphFamilies(parts.graph.edges)];
  own.push(...sloFamilies(parts.slos.all, nowMs), alertFamily(alerts, nowMs), eventFamily(parts));
  const taken = new Set(own.map(([spec]) => spec.name));
  const received = [...parts.rollup.families.values()].filter((family) => !taken.has(family.name));
  return [...own.map(renderOwn), ...received.map(renderFamily)].join("");
}

type Sample = readonly [labels: Labels, value: number];
type OwnFamily = readonly [spec: MetricSpec, samples: readonly Sample[]];

function balanceFamilies({ received, accepted, rejected }: Balance): OwnFamily[] {
  const bySignal = (counts: ReadonlyMap<string, number>): Sample[] => [...counts].map(([signal, n]) => [{ signal }, n]);
  const byReason = [...rejected].map(([key, n]): Sample => {
    const [signal = "", reason = ""] = key.split(" ");
    return [{ signal, reason }, n];
  });
  return [
    [M.received, bySignal(received)],
    [M.accepted, bySignal(accepted)],
    [M.rejected, byReason],
  ];
}

const STARTED_SECONDS = performance.timeOrigin / SECOND_MS;

function processFamilies({ parts, problems, logBytes }: ExpositionSource): OwnFamily[] {
  const { user, system } = process.cpuUsage();
  return [
    [M.streams, [[{}, parts.rollup.streams.size]]],
    [M.logBytes, [[{}, logBytes]]],
    [M.ready, [[{}, problems.length === 0 ? 1 : 0]]],
    [M.startTime, [[{}, STARTED_SECONDS]]],
    [M.cpu, [[{}, (user + system) / MICROSECONDS]]],
    [M.memory, [[{}, process.memoryUsage.rss()]]],
  ];
}

function graphFamilies(edges: readonly Edge[]): OwnFamily[] {
  const sample = (pick: "requests" | "failed") =>
    edges.map((edge): Sample => [{ client: edge.client, server: edge.server }, totalsOf(edge)[pick]]);
  return [
    [M.edges, sample("requests")],
    [M.edgesFailed, sample("failed")],
  ];
}

function sloFamilies(slos: readonly TrackedSlo[], nowMs: number): OwnFamily[] {
  return [
    [M.sloEvents, slos.flatMap(eventSamples)],
    [M.burnRate, slos.flatMap((slo) => burnSamples(slo, nowMs))],
    [M.objective, slos.map((slo): Sample => [sloLabels(slo), slo.objective.target])],
    [M.budgetRemaining, slos.flatMap((slo) => optional(sloLabels(slo), slo.history.budgetRemaining(nowMs)))],
    [M.coverage, slos.map((slo): Sample => [sloLabels(slo), slo.history.coverage(nowMs)])],
  ];
}

function sloLabels({ objective: { slo, namespace, service } }: TrackedSlo): Labels {
  return { slo, namespace, service };
}

/** Both results from the start, at 0: `increase` loses a counter's first value. */
function eventSamples(slo: TrackedSlo): Sample[] {
  const labels = sloLabels(slo);
  return [
    [{ ...labels, result: "good" }, slo.totals.good],
    [{ ...labels, result: "bad" }, slo.totals.bad],
  ];
}

/** An idle window has no burn rate and so no sample. */
function burnSamples(slo: TrackedSlo, nowMs: number): Sample[] {
  return BURN_WINDOWS_MS.flatMap((windowMs) =>
    optional({ ...sloLabels(slo), window: windowName(windowMs) }, slo.history.burnRate(nowMs, windowMs)),
  );
}

function optional(labels: Labels, value: number | undefined): Sample[] {
  return value === undefined ? [] : [[labels, value]];
}

const STATE_VALUE = { inactive: 0, resolved: 0, pending: 1, firing: 2 } as const;

function alertFamily(alerts: Alerts, nowMs: number): OwnFamily {
  const samples = alerts.views(nowMs).map(({ slo, namespace, service, alert, severity, state }): Sample => {
    return [{ slo, namespace, service, alert, severity }, STATE_VALUE[state]];
  });
  return [M.alertState, samples];
}

function eventFamily({ events }: Parts): OwnFamily {
  return [M.events, events.counts.map(({ kind, outcome, count }): Sample => [{ kind, outcome }, count])];
}

function renderOwn([spec, samples]: OwnFamily): string {
  return (
    header(spec.name, spec.help, spec.type) + samples.map(([labels, value]) => line(spec.name, labels, value)).join("")
  );
}

function renderFamily(family: Family): string {
  const render = family.type === "histogram" ? histogramLines : valueLine;
  return header(family.name, family.help, family.type) + [...family.series.values()].map(render).join("");
}

function valueLine({ family, labels, value }: Series): string {
  return line(family.name, labels, value);
}

/** Bucket counts may be fractional inside; whole numbers are what scrapers expect, and rounding down keeps order. */
function histogramLines({ family: { name, bounds }, labels, value, sum, buckets }: Series): string {
  const lines = bounds.map((bound, index) => {
    return line(`${name}_bucket`, { ...labels, le: String(bound) }, Math.floor((buckets[index] ?? 0) + 1e-6));
  });
  lines.push(line(`${name}_bucket`, { ...labels, le: "+Inf" }, value));
  return `${lines.join("")}${line(`${name}_sum`, labels, sum)}${line(`${name}_count`, labels, value)}`;
}

function header(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${rendered(value)}\n`;
}

function rendered(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
