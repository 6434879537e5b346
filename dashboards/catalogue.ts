import { ADMISSION_METRICS } from "../admission/metrics.ts";
import { COLLECTOR_METRICS } from "../collector/metrics.ts";
import type { MetricSpec } from "../core/base/metric.ts";
import { MESH_METRICS } from "../mesh/metrics.ts";
import { SIDECAR_METRICS } from "../sidecar/metrics.ts";

/** Every metric a panel may ask for: the catalogues of the services, as one list. */
export const CATALOGUE: readonly MetricSpec[] = [
  ...Object.values(ADMISSION_METRICS),
  ...Object.values(COLLECTOR_METRICS),
  ...Object.values(MESH_METRICS),
  ...Object.values(SIDECAR_METRICS),
];

/** The series a metric has in Prometheus: a histogram has three, anything else one. */
export function seriesNames(metric: MetricSpec): readonly string[] {
  if (metric.type !== "histogram") return [metric.name];
  return [`${metric.name}_bucket`, `${metric.name}_sum`, `${metric.name}_count`];
}

/** Labels that the scrape adds to every series. @see https://prometheus.io/docs/concepts/jobs_instances/ */
const SCRAPE_LABELS = ["job", "instance"] as const;

/** Series name to the labels it may carry. */
export function seriesLabels(catalogue: readonly MetricSpec[]): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, ReadonlySet<string>>();
  for (const metric of catalogue) {
    for (const name of seriesNames(metric)) {
      const own = name.endsWith("_bucket") ? [...metric.labels, "le"] : metric.labels;
      known.set(name, new Set([...own, ...SCRAPE_LABELS]));
    }
  }
  return known;
}
