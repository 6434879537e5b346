import { COLLECTOR_METRICS } from "../collector/metrics.ts";
import { DAY_MS } from "../core/base/clock.ts";
import { BURN_ALERTS, BURN_WINDOWS_MS, burnFactor, windowName } from "../core/slo/windows.ts";
import type { Board, Row } from "./board.ts";
import { stat, states, stateTimeline, step, timeSeries } from "./panels.ts";
import { atLeast, increase, maxBy, minBy, rate, ratio, select, sumBy } from "./query.ts";
import { serviceMapRow, trafficRow } from "./traffic-rows.ts";
import { boardLink, chosen, labelVariable } from "./variables.ts";

const SLO = { namespace: chosen("namespace"), service: chosen("service"), slo: chosen("slo") };
const IDENTITY = ["namespace", "service", "slo"] as const;
const NAME = "{{namespace}}/{{service}} {{slo}}";

/** The period that the factors of the alert table are quoted for. */
const QUOTED_PERIOD_MS = 30 * DAY_MS;

/** 0, 1, 2 of `outrider_alert_state`. */
const ALERT_STATES = states({ 0: ["inactive", "green"], 1: ["pending", "yellow"], 2: ["firing", "red"] });
const FIRING = 2;

/** One service's promise: how much is left of it, how fast it goes, what eats it. */
export function sloBoard(): Board {
  return {
    uid: "outrider-slo",
    title: "Outrider / SLO",
    description: "Objectives, burn rates and error budgets, with the traffic that explains them.",
    tags: ["slo"],
    variables: [
      labelVariable(COLLECTOR_METRICS.objective, "namespace", "Namespace"),
      labelVariable(COLLECTOR_METRICS.objective, "service", "Service", { namespace: SLO.namespace }),
      labelVariable(COLLECTOR_METRICS.objective, "slo", "SLO", { namespace: SLO.namespace, service: SLO.service }),
    ],
    links: [boardLink("Mesh", "outrider-mesh"), boardLink("Admission", "outrider-admission")],
    annotations: [
      {
        name: "Firing alerts",
        color: "red",
        query: maxBy(
          ["namespace", "service", "alert", "severity"],
          atLeast(select(COLLECTOR_METRICS.alertState, SLO), FIRING),
        ),
        title: "{{severity}}: {{alert}} of {{namespace}}/{{service}}",
      },
    ],
    rows: [promiseRow(), burnRow(), eventsRow(), trafficRow(), serviceMapRow()],
  };
}

function promiseRow(): Row {
  const remaining = minBy(IDENTITY, select(COLLECTOR_METRICS.budgetRemaining, SLO));
  const budgetSteps = [step(null, "red"), step(0.1, "orange"), step(0.3, "green")];
  return {
    title: "The promise",
    panels: [
      stat(
        {
          title: "Error budget remaining",
          description: "Share of the period's error budget that is left. Below zero the promise is broken.",
          unit: "percentunit",
          width: 8,
          thresholds: budgetSteps,
        },
        { query: remaining, legend: NAME },
      ),
      stat(
        {
          title: "Objective",
          description: "The target share of good events.",
          unit: "percentunit",
          width: 8,
          thresholds: [step(null, "blue")],
        },
        { query: maxBy(IDENTITY, select(COLLECTOR_METRICS.objective, SLO)), legend: NAME },
      ),
      stat(
        {
          title: "Coverage",
          description: "Share of the period's slices that saw any event. Low coverage makes every ratio uncertain.",
          unit: "percentunit",
          width: 8,
          thresholds: [step(null, "orange"), step(0.5, "green")],
        },
        { query: minBy(IDENTITY, select(COLLECTOR_METRICS.coverage, SLO)), legend: NAME },
      ),
      timeSeries(
        {
          title: "Burn-down",
          description: "Error budget remaining over time. A steep fall is an incident, a steady slope is a habit.",
          unit: "percentunit",
          thresholds: budgetSteps,
        },
        { query: remaining, legend: NAME },
      ),
      stateTimeline(
        {
          title: "Alert state",
          description: "Each burn-rate alert: inactive, pending or firing. The runbook is docs/runbooks/slo-burn.md.",
          unit: "none",
          mappings: [ALERT_STATES],
        },
        {
          query: maxBy(["service", "slo", "alert", "severity"], select(COLLECTOR_METRICS.alertState, SLO)),
          legend: "{{service}} {{slo}} {{alert}} ({{severity}})",
        },
      ),
    ],
  };
}

/** One panel per window; its line is the lowest threshold of an alert that looks at it. */
function burnRow(): Row {
  return { title: "Burn rates by window", panels: BURN_WINDOWS_MS.map(burnPanel) };
}

function burnPanel(windowMs: number): ReturnType<typeof timeSeries> {
  const window = windowName(windowMs);
  const alerts = BURN_ALERTS.filter((alert) => alert.longMs === windowMs || alert.shortMs === windowMs);
  const factors = alerts.map((alert) => ({ alert, factor: burnFactor(alert, QUOTED_PERIOD_MS) }));
  const wanted = factors
    .map(({ alert, factor }) => `${alert.alert} (${alert.severity}) at ${round(factor)}×`)
    .join(", ");
  const steps = factors.map(({ alert, factor }) => step(round(factor), alert.severity === "page" ? "red" : "orange"));
  return timeSeries(
    {
      title: `Burn rate, ${window}`,
      description: `How many times faster than exactly on budget, over ${window}. Looked at by ${wanted}; both windows of an alert must burn. Thresholds are for a 30-day period.`,
      unit: "short",
      width: 8,
      min: 0,
      thresholds: [step(null, "green"), ...steps],
      drawThresholds: true,
    },
    { query: maxBy(IDENTITY, select(COLLECTOR_METRICS.burnRate, { ...SLO, window })), legend: NAME },
  );
}

function round(factor: number): number {
  return Math.round(factor * 100) / 100;
}

function eventsRow(): Row {
  const good = sumBy(IDENTITY, rate(select(COLLECTOR_METRICS.sloEvents, { ...SLO, result: "good" })));
  const all = sumBy(IDENTITY, rate(select(COLLECTOR_METRICS.sloEvents, SLO)));
  return {
    title: "Events",
    panels: [
      timeSeries(
        {
          title: "SLI: share of good events",
          description:
            "Good events over all events. An idle service shows a gap: no traffic is not the same as no errors.",
          unit: "percentunit",
          max: 1,
        },
        { query: ratio(good, all), legend: NAME },
      ),
      timeSeries(
        {
          title: "Good and bad events",
          description: "Events that count toward the objective, per interval, by result.",
          unit: "short",
          min: 0,
        },
        {
          query: sumBy(["service", "slo", "result"], increase(select(COLLECTOR_METRICS.sloEvents, SLO))),
          legend: "{{service}} {{slo}} {{result}}",
        },
      ),
      timeSeries(
        {
          title: "What happened",
          description: "Decisions, deploys, policy changes and alerts that reached the collector, by kind and outcome.",
          unit: "short",
          width: 24,
          min: 0,
        },
        {
          query: sumBy(["kind", "outcome"], increase(select(COLLECTOR_METRICS.events))),
          legend: "{{kind}} {{outcome}}",
        },
      ),
    ],
  };
}
