import type { Overview } from "../../overview.ts";
import type { Level } from "../state.ts";
import type { RecentEdge } from "./edge-window.ts";

/** A box of the service map. */
export interface MapNode {
  readonly service: string;
  /** Requests that reach it, per second. */
  readonly ratePerSecond: number;
  /** Share of its recent inbound requests that failed; `null` without any. */
  readonly errorRatio: number | null;
  readonly instances: number;
  readonly lost: number;
  readonly firing: boolean;
  readonly level: Level;
}

/** Above this share of failed requests a box or arrow is yellow, above the next it is red. */
export const WARN_ERROR_RATIO = 0.001;
export const BAD_ERROR_RATIO = 0.02;

/** Every service that calls, is called, has a sidecar or an objective. Sorted, so that the layout stays put. */
export function mapNodes(overview: Overview, edges: readonly RecentEdge[]): MapNode[] {
  const sidecars = overview.instances.filter(({ component }) => component === "sidecar");
  const names = new Set([
    ...edges.flatMap(({ client, server }) => [client, server]),
    ...sidecars.map(({ service }) => service),
    ...overview.slos.map(({ service }) => service),
  ]);
  names.delete("");
  return [...names].toSorted().map((service) => nodeOf(service, overview, edges));
}

function nodeOf(service: string, overview: Overview, edges: readonly RecentEdge[]): MapNode {
  const inbound = edges.filter(({ server }) => server === service);
  const own = overview.instances.filter((one) => one.component === "sidecar" && one.service === service);
  const errorRatio = ratio(sum(inbound, "recentFailed"), sum(inbound, "recentRequests"));
  const firing = overview.alerts.some((alert) => alert.service === service && alert.state === "firing");
  const lost = own.filter(({ state }) => state === "lost").length;
  const measured = levelOf(errorRatio);
  const level = firing ? "bad" : lost > 0 && measured !== "bad" ? "warn" : measured;
  const instances = own.filter(({ state }) => state !== "stopped").length;
  return { service, ratePerSecond: sum(inbound, "ratePerSecond"), errorRatio, instances, lost, firing, level };
}

/** How an arrow is drawn: by what failed lately; refusals count as trouble only when nothing got through. */
export function edgeLevel(edge: RecentEdge): Level {
  const served = edge.recentRequests - edge.recentDenied;
  if (edge.recentDenied > 0 && served <= 0) return "bad";
  return levelOf(ratio(edge.recentFailed, edge.recentRequests));
}

/** True for a call that never got through and is not tried now: worth a line of text, not an arrow for ever. */
export function onlyRefusedEarlier(edge: RecentEdge): boolean {
  return edge.denied > 0 && edge.requests <= edge.denied && edge.ratePerSecond === 0;
}

/** Failed over requests, `null` when there were none. */
export function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function levelOf(errorRatio: number | null): Level {
  if (errorRatio === null) return "idle";
  if (errorRatio >= BAD_ERROR_RATIO) return "bad";
  return errorRatio >= WARN_ERROR_RATIO ? "warn" : "ok";
}

function sum(edges: readonly RecentEdge[], field: "recentFailed" | "recentRequests" | "ratePerSecond"): number {
  return edges.reduce((total, edge) => total + edge[field], 0);
}
