import { metric } from "../core/base/metric.ts";

/** The collector's own and derived series. RED series of the sidecars pass through under their own names. */
export const COLLECTOR_METRICS = {
  received: metric({
    name: "outrider_collector_received_total",
    help: "Telemetry items received. received = accepted + rejected.",
    type: "counter",
    unit: "1",
    labels: ["signal"],
  }),
  accepted: metric({
    name: "outrider_collector_accepted_total",
    help: "Telemetry items accepted.",
    type: "counter",
    unit: "1",
    labels: ["signal"],
  }),
  rejected: metric({
    name: "outrider_collector_rejected_total",
    help: "Telemetry items rejected, by reason.",
    type: "counter",
    unit: "1",
    labels: ["signal", "reason"],
  }),
  edges: metric({
    name: "traces_service_graph_request_total",
    help: "Requests between two services, from the client's and the server's sidecar.",
    type: "counter",
    unit: "1",
    labels: ["client", "server"],
  }),
  edgesFailed: metric({
    name: "traces_service_graph_request_failed_total",
    help: "Requests between two services that ended in a server error.",
    type: "counter",
    unit: "1",
    labels: ["client", "server"],
  }),
  sloEvents: metric({
    name: "outrider_slo_events_total",
    help: "Events that count toward an objective, by result: good or bad.",
    type: "counter",
    unit: "1",
    labels: ["slo", "namespace", "service", "result"],
  }),
  burnRate: metric({
    name: "outrider_slo_burn_rate",
    help: "How many times faster than exactly on budget the service fails, over the window.",
    type: "gauge",
    unit: "1",
    labels: ["slo", "namespace", "service", "window"],
  }),
  objective: metric({
    name: "outrider_slo_objective_ratio",
    help: "The target share of good events.",
    type: "gauge",
    unit: "1",
    labels: ["slo", "namespace", "service"],
  }),
  budgetRemaining: metric({
    name: "outrider_slo_error_budget_remaining_ratio",
    help: "Share of the period's error budget that is left; negative when overspent.",
    type: "gauge",
    unit: "1",
    labels: ["slo", "namespace", "service"],
  }),
  coverage: metric({
    name: "outrider_slo_coverage_ratio",
    help: "Share of the period's slices that saw any event.",
    type: "gauge",
    unit: "1",
    labels: ["slo", "namespace", "service"],
  }),
  alertState: metric({
    name: "outrider_alert_state",
    help: "0 inactive, 1 pending, 2 firing.",
    type: "gauge",
    unit: "1",
    labels: ["slo", "namespace", "service", "alert", "severity"],
  }),
  events: metric({
    name: "outrider_events_total",
    help: "Events received, by kind and outcome.",
    type: "counter",
    unit: "1",
    labels: ["kind", "outcome"],
  }),
} as const;
