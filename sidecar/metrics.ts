import { metric } from "../core/base/metric.ts";

/** What every request series carries. `peer` is the other side's service, or "unknown" when it proved no identity. */
const REQUEST_LABELS = ["direction", "namespace", "service", "pod", "peer", "route", "method", "status"] as const;

/** The sidecar's metric catalogue: /metrics, OTLP export, dashboards and docs/metrics.md all read it. */
export const SIDECAR_METRICS = {
  requests: metric({
    name: "outrider_requests_total",
    help: "HTTP requests finished, by direction (inbound or outbound), peer service, route and status code.",
    type: "counter",
    unit: "1",
    labels: REQUEST_LABELS,
  }),
  duration: metric({
    name: "outrider_request_duration_seconds",
    help: "Time from the first byte of the request head to the last byte of the response.",
    type: "histogram",
    unit: "s",
    labels: ["direction", "namespace", "service", "pod", "peer", "route"],
  }),
  denied: metric({
    name: "outrider_denied_total",
    help: "Connections and requests refused by policy, by the rule that refused them.",
    type: "counter",
    unit: "1",
    labels: ["direction", "namespace", "service", "pod", "peer", "rule"],
  }),
  malformed: metric({
    name: "outrider_malformed_total",
    help: "Messages refused because they were ambiguous or broken, by reason.",
    type: "counter",
    unit: "1",
    labels: ["direction", "namespace", "service", "pod", "reason"],
  }),
  handshakes: metric({
    name: "outrider_tls_handshakes_total",
    help: "TLS handshakes by result: ok, or why the peer was refused.",
    type: "counter",
    unit: "1",
    labels: ["direction", "namespace", "service", "pod", "result"],
  }),
  connections: metric({
    name: "outrider_connections",
    help: "Open connections.",
    type: "gauge",
    unit: "1",
    labels: ["direction", "namespace", "service", "pod"],
  }),
  certificateExpiry: metric({
    name: "outrider_certificate_expiry_seconds",
    help: "Seconds until the workload certificate ends.",
    type: "gauge",
    unit: "s",
    labels: ["namespace", "service", "pod"],
  }),
  configAge: metric({
    name: "outrider_config_age_seconds",
    help: "Seconds since the control plane last confirmed the snapshot in force.",
    type: "gauge",
    unit: "s",
    labels: ["namespace", "service", "pod"],
  }),
  exportDropped: metric({
    name: "outrider_export_dropped_total",
    help: "Telemetry items dropped because the collector was away and the bounded queue was full.",
    type: "counter",
    unit: "1",
    labels: ["namespace", "service", "pod", "signal"],
  }),
} as const;
