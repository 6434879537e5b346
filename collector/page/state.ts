import type { AlertView, InstanceView, Overview } from "../overview.ts";

export type Level = "ok" | "warn" | "bad" | "idle";

export interface OverallState {
  readonly level: Level;
  /** One line: what a person on call wants to know first. */
  readonly headline: string;
  readonly firing: readonly AlertView[];
  readonly lost: readonly InstanceView[];
}

/** Worst first: firing pages, then firing tickets and lost instances, then pending alerts. */
export function overallState(overview: Overview): OverallState {
  const firing = overview.alerts.filter(({ state }) => state === "firing");
  const pending = overview.alerts.filter(({ state }) => state === "pending");
  const lost = overview.instances.filter(({ state }) => state === "lost");
  const pages = firing.filter(({ severity }) => severity === "page");
  const parts = [
    counted(firing.length, "alert firing", "alerts firing"),
    counted(lost.length, "instance lost", "instances lost"),
    counted(pending.length, "alert pending", "alerts pending"),
  ].filter((part) => part !== "");
  const level = pages.length > 0 ? "bad" : parts.length > 0 ? "warn" : overview.instances.length === 0 ? "idle" : "ok";
  return { level, headline: parts.length > 0 ? parts.join(", ") : calm(overview), firing, lost };
}

function calm({ slos, instances }: Overview): string {
  if (instances.length === 0) return "Nothing reports yet";
  return slos.length === 0 ? "No objective is defined" : "All objectives within budget pace";
}

export function counted(count: number, one: string, many: string): string {
  return count === 0 ? "" : `${count} ${count === 1 ? one : many}`;
}

const STATE_ORDER: readonly AlertView["state"][] = ["firing", "pending", "resolved", "inactive"];

/** Alerts worth a card: firing pages first, then tickets, pending, just resolved. */
export function activeAlerts(alerts: readonly AlertView[]): AlertView[] {
  return alerts
    .filter(({ state }) => state !== "inactive")
    .toSorted(
      (a, b) =>
        STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state) ||
        a.severity.localeCompare(b.severity) ||
        b.sinceMs - a.sinceMs,
    );
}
