import type { Registry } from "prom-client";
import type { ClusterHealth } from "../kubernetes/cluster-view.ts";
import { ADMISSION_METRICS } from "../metrics.ts";
import { gauge } from "./evidence-metrics.ts";

/** Adds how the gate stands with its API server to what is scraped; read at each scrape. */
export function addClusterMetrics(registry: Registry, read: () => ClusterHealth): void {
  gauge(registry, ADMISSION_METRICS.leader, undefined, () => ({ all: Number(read().leads) }));
  gauge(registry, ADMISSION_METRICS.clusterUp, "source", () => {
    const { policies, namespaces, pods } = read().up;
    return { policies: Number(policies), namespaces: Number(namespaces), pods: Number(pods) };
  });
}
