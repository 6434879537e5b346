import type { OutriderEvent } from "../../core/events/event.ts";
import { type AlertState, conditionOf, INACTIVE, nextState } from "../../core/slo/alert.ts";
import type { Contributor } from "../../core/slo/contributors.ts";
import { BURN_ALERTS, type BurnAlert, burnFactor, isUnreachable } from "../../core/slo/windows.ts";
import type { EventLog } from "../event-log.ts";
import type { AlertView } from "../overview.ts";
import type { RecentTraces } from "../traces.ts";
import { explain } from "./explain-alert.ts";
import type { SloTracker, TrackedSlo } from "./slos.ts";

export const RUNBOOK = "docs/runbooks/slo-burn.md";

/** Where alerts get their explanation from. */
export interface Evidence {
  readonly slos: SloTracker;
  readonly traces: RecentTraces;
  readonly events: EventLog;
}

/** What an alert knew when it last looked; kept while it is not inactive. */
interface Tracked {
  readonly tracked: TrackedSlo;
  readonly alert: BurnAlert;
  state: AlertState;
  /** The explanation at the moment of firing outlives the burn. */
  evidence: { contributor: Contributor | undefined; traceId: string | undefined };
}

export type AlertSnapshot = Readonly<Record<string, AlertState>>;

/** The alerts of every objective. Evaluated every tick. */
export class Alerts {
  readonly #evidence: Evidence;
  #alerts = new Map<string, Tracked>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.track();
  }

  /** Follows the objectives in force; alerts of unchanged ones keep their state. */
  track(): void {
    const before = this.#alerts;
    const pairs = this.#evidence.slos.all.flatMap((tracked) => {
      const { periodMs, target } = tracked.objective;
      return BURN_ALERTS.filter((alert) => !isUnreachable(alert, periodMs, target)).map((alert) => {
        const key = keyOf(tracked, alert);
        const state = before.get(key)?.state ?? INACTIVE;
        return [key, { tracked, alert, state, evidence: { contributor: undefined, traceId: undefined } }] as const;
      });
    });
    this.#alerts = new Map(pairs);
  }

  /** @returns an event for every change of state, ready for the event stream and for dispatch */
  evaluate(nowMs: number): OutriderEvent[] {
    return [...this.#alerts.values()].flatMap((entry) => this.#step(entry, nowMs));
  }

  views(nowMs: number): AlertView[] {
    return [...this.#alerts.values()].map((entry) => this.#view(entry, nowMs)).toSorted(worstFirst);
  }

  /** States that are not inactive, by SLO and alert. */
  snapshot(): AlertSnapshot {
    const active = [...this.#alerts].filter(([, { state }]) => state.phase !== "inactive");
    return Object.fromEntries(active.map(([key, { state }]) => [key, state]));
  }

  restore(snapshot: AlertSnapshot): void {
    for (const [key, entry] of this.#alerts) entry.state = snapshot[key] ?? INACTIVE;
  }

  #step(entry: Tracked, nowMs: number): OutriderEvent[] {
    const { tracked, alert, state } = entry;
    const condition = conditionOf(tracked.history, alert, state.phase, nowMs);
    entry.state = nextState(state, condition, nowMs, alert, tracked.history.timeScale);
    if (condition === "burning") entry.evidence = this.#evidenceOf(tracked, nowMs);
    if (entry.state.phase === state.phase || (state.phase === "resolved" && entry.state.phase === "inactive"))
      return [];
    return [eventOf(this.#view(entry, nowMs), entry, this.#evidence.events, nowMs)];
  }

  #evidenceOf({ objective, contributors }: TrackedSlo, nowMs: number): Tracked["evidence"] {
    return { contributor: contributors.top(nowMs), traceId: this.#evidence.traces.newestError(objective.service) };
  }

  #view({ tracked, alert, state, evidence }: Tracked, nowMs: number): AlertView {
    const { objective, history } = tracked;
    const active = state.phase !== "inactive";
    const { contributor, traceId } = evidence;
    const view = {
      slo: objective.slo,
      namespace: objective.namespace,
      service: objective.service,
      alert: alert.alert,
      severity: alert.severity,
      state: state.phase,
      sinceMs: state.sinceMs,
      burnRate: history.burnRate(nowMs, alert.longMs) ?? null,
      threshold: burnFactor(alert, objective.periodMs),
      exhaustedInMs: history.exhaustedInMs(nowMs, alert.longMs) ?? null,
      topContributor: active && contributor !== undefined ? contributor : null,
      exemplarTraceId: active ? (traceId ?? null) : null,
      runbook: RUNBOOK,
    };
    return { ...view, message: explain(view, history.timeScale, objective.target) };
  }
}

function keyOf({ objective }: TrackedSlo, { alert }: BurnAlert): string {
  return `${objective.namespace}/${objective.slo} ${alert}`;
}

const PHASE_ORDER: readonly AlertView["state"][] = ["firing", "pending", "resolved", "inactive"];

function worstFirst(a: AlertView, b: AlertView): number {
  return PHASE_ORDER.indexOf(a.state) - PHASE_ORDER.indexOf(b.state) || a.severity.localeCompare(b.severity);
}

function eventOf(view: AlertView, entry: Tracked, events: EventLog, nowMs: number): OutriderEvent {
  const outcome = view.state === "inactive" ? "cancelled" : view.state;
  return {
    kind: "alert",
    atMs: nowMs,
    from: "collector",
    subject: `slo ${view.slo}`,
    outcome,
    message: view.message,
    namespace: view.namespace,
    service: view.service,
    severity: view.state === "firing" ? "error" : view.state === "pending" ? "warn" : "info",
    attributes: attributesOf(view, entry, events),
  };
}

function attributesOf(view: AlertView, { evidence }: Tracked, events: EventLog): Record<string, string> {
  const { contributor } = evidence;
  const [deploy, policy] = [events.latest("deploy", view.service), events.latest("policy-change", view.service)];
  const facts: Record<string, string | undefined> = {
    alert: view.alert,
    alertSeverity: view.severity,
    burnRate: view.burnRate?.toPrecision(4),
    threshold: String(view.threshold),
    exhaustedInMs: view.exhaustedInMs === null ? undefined : String(Math.round(view.exhaustedInMs)),
    topContributor: contributor && `${contributor.dimension} ${contributor.value}`,
    topContributorShare: contributor?.share.toPrecision(3),
    traceId: evidence.traceId,
    lastDeploy: deploy?.message,
    lastPolicyChange: policy?.message,
    runbook: view.runbook,
  };
  return Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== undefined));
}
