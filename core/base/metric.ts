/**
 * One metric of the catalogue: what a service exports, what dashboards query and docs/metrics.md lists.
 * Names follow the Prometheus conventions: base units, `_total` on counters.
 * @see https://prometheus.io/docs/practices/naming/
 */
export interface MetricSpec<Label extends string = string> {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** UCUM unit as OTLP carries it: "s", "By", "1". */
  readonly unit: string;
  readonly labels: readonly Label[];
}

/** Keeps the label names as literal types, so that a panel with an unknown label does not compile. */
export function metric<const Label extends string = never>(spec: MetricSpec<Label>): MetricSpec<Label> {
  return spec;
}
