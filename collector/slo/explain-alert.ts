import type { Contributor } from "../../core/slo/contributors.ts";
import type { AlertView } from "../overview.ts";
import { shortDuration } from "../short-duration.ts";

type Explained = Omit<AlertView, "message" | "topContributor"> & { readonly topContributor: Contributor | null };

/**
 * The sentence a person reads at night: who burns, how fast, how long it lasts, where it comes from.
 *
 * "payments fails 480 times faster than its 99.9 % objective allows (pages above 14.4); the budget is spent in 1 h
 * 30 m; pod payments-1 makes 82 % of the errors and 33 % of the requests"
 */
export function explain(alert: Explained, timeScale: number, target: number): string {
  if (alert.burnRate === null) return `${alert.service}: no requests in the window`;
  if (alert.state === "resolved") return `${alert.service} has recovered: ${alert.alert} no longer burns`;
  const objective = `${round(target * 100, 6)} % objective`;
  const verb = alert.severity === "page" ? "pages" : "files a ticket";
  const rate = `${alert.service} fails ${round(alert.burnRate, 3)} times as fast as its ${objective} allows`;
  const parts = [`${rate} (${verb} above ${round(alert.threshold, 3)})`, exhaustion(alert, timeScale)];
  return [...parts, contribution(alert.topContributor)].filter((part) => part !== "").join("; ");
}

function exhaustion({ exhaustedInMs, burnRate }: Explained, timeScale: number): string {
  if (exhaustedInMs === null) return burnRate === 0 ? "" : "the budget lasts its period";
  if (exhaustedInMs === 0) return "the budget is spent";
  const note = timeScale === 1 ? "" : ` (${shortDuration(exhaustedInMs)} of this clock, time scale ${timeScale})`;
  return `the budget is spent in ${shortDuration(exhaustedInMs * timeScale)}${note}`;
}

function contribution(top: Contributor | null): string {
  if (top === null) return "";
  const [errors, requests] = [percent(top.share), percent(top.baseline)];
  return `${top.dimension} ${top.value} makes ${errors} of the errors and ${requests} of the requests`;
}

function percent(ratio: number): string {
  return `${round(ratio * 100, 3)} %`;
}

function round(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}
