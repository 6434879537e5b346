import type { AlertView, InstanceView, Overview, SloView } from "../collector/overview.ts";
import { shortDuration } from "../collector/short-duration.ts";
import { formatDuration } from "../core/base/duration.ts";
import type { Objective } from "../core/slo/objective.ts";
import { BURN_ALERTS, isUnreachable } from "../core/slo/windows.ts";

/** Windows with a column of their own; the others are in --json and on the page. */
const SHOWN_WINDOWS = ["5m", "1h", "6h", "3d"] as const;

/** The verdict first, then one line per objective, the least budget first, then what burns and why, and who is lost. */
export function renderStatus({ slos, alerts, timeScale, instances, atMs }: Overview): string {
  const burning = alerts.filter(({ state }) => state === "firing" || state === "pending");
  const pages = burning.filter(({ state, severity }) => state === "firing" && severity === "page").length;
  const scale = timeScale === 1 ? "" : `  (time scale ${timeScale}: windows are that much shorter)`;
  const lost = instances.filter(({ state }) => state === "lost");
  const silent = lost.length === 0 ? "" : `, ${count(lost.length, "instance")} lost`;
  const facts = `${count(slos.length, "objective")}, ${count(pages, "page")} firing${silent}`;
  const head = `${pages > 0 ? "burning" : "ok"}  ${facts}${scale}\n`;
  const losses = lost.map((instance) => lossText(instance, atMs)).join("");
  if (slos.length === 0)
    return `${head}${losses}\nhint: add OpenSLO files to slo.folder, or slo.outrider.dev annotations to Services\n`;
  const rows = slos
    .toSorted((a, b) => (a.budgetRemaining ?? 2) - (b.budgetRemaining ?? 2))
    .map((slo) => row(slo, alerts));
  const table = aligned([["slo", "service", "objective", "budget left", ...SHOWN_WINDOWS, "alert"], ...rows]);
  const why = [...Map.groupBy(burning, ({ namespace, slo }) => `${namespace}/${slo}`).values()];
  return `${head}${losses}\n${table}${why.map((own) => burnText(own, atMs)).join("")}`;
}

/** One objective's burn, once: the collector sorts the worst alert first, and the others say the same of other windows. */
function burnText(alerts: readonly AlertView[], atMs: number): string {
  const [worst] = alerts as [AlertView];
  const sinceMs = Math.max(0, atMs - Math.min(...alerts.map((alert) => alert.sinceMs)));
  const lines = [
    worst.message,
    ...alerts.map(({ state, severity, alert }) => `${state}: ${alert} (${severity})`),
    ...(worst.exemplarTraceId === null ? [] : [`trace: ${worst.exemplarTraceId}`]),
    `runbook: ${worst.runbook}`,
  ];
  const head = `${worst.state}  ${worst.slo}  for ${shortDuration(sinceMs)}`;
  return `\n  ${printable(head)}\n${lines.map((line) => `    ${printable(line)}\n`).join("")}`;
}

function lossText({ component, namespace, service, instance, lastSeenMs }: InstanceView, atMs: number): string {
  const path = [namespace, service].filter((part) => part !== "").join("/");
  const silence = shortDuration(Math.max(0, atMs - lastSeenMs));
  return `\n  lost  ${printable(`${component} ${path} ${instance}`)}, nothing heard for ${silence}\n`;
}

/** Names and labels come from telemetry; what would move a terminal's cursor is shown as "?". */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}

function row(slo: SloView, alerts: readonly AlertView[]): string[] {
  const own = alerts.filter((alert) => alert.slo === slo.slo && alert.namespace === slo.namespace);
  const worst = own.find(({ state }) => state !== "inactive");
  const rates = SHOWN_WINDOWS.map((window) => rateText(slo.burnRates[window] ?? null));
  const state = worst === undefined ? "-" : `${worst.state} ${worst.severity}`;
  const service = slo.namespace === "" ? slo.service : `${slo.namespace}/${slo.service}`;
  return [slo.slo, service, percent(slo.objective), percent(slo.budgetRemaining), ...rates, state];
}

/** A folder of objectives without data: what would be watched, and which alerts can never fire. */
export function renderObjectives(objectives: readonly Objective[]): string {
  const rows = objectives.map(({ slo, service, target, periodMs, indicator, source }) => {
    const dead = BURN_ALERTS.filter((alert) => isUnreachable(alert, periodMs, target)).map(({ alert }) => alert);
    const note = dead.length === 0 ? "-" : `can never fire: ${dead.join(", ")}`;
    return [slo, service, percent(target), formatDuration(periodMs), indicator.kind, source, note];
  });
  const table = aligned([["slo", "service", "objective", "period", "kind", "file", "note"], ...rows]);
  return `ok  ${count(objectives.length, "objective")}\n\n${table}`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => (cells[column] ?? "").length)));
  const lines = rows.map((cells) =>
    cells.map((cell, column) => printable(cell).padEnd(widths[column] ?? 0)).join("  "),
  );
  return `${lines.map((line) => `  ${line.trimEnd()}`).join("\n")}\n`;
}

function percent(ratio: number | null): string {
  return ratio === null ? "no data" : `${Number((ratio * 100).toPrecision(5))} %`;
}

function rateText(rate: number | null): string {
  return rate === null ? "-" : `${Number(rate.toPrecision(3))}x`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
