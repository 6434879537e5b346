import { Counter, Gauge, type Registry } from "prom-client";
import type { MetricSpec } from "../../core/base/metric.ts";
import { ADMISSION_METRICS } from "../metrics.ts";
import type { ImageSourceStats } from "../sources/images.ts";

/** Adds the numbers of evidence and verification to what is scraped; they are read at each scrape. */
export function addEvidenceMetrics(registry: Registry, read: () => ImageSourceStats): void {
  counter(registry, ADMISSION_METRICS.evidenceLookups, "result", () => {
    const { hits, negativeHits, outageHits, misses } = read().cache;
    return { hit: hits, negative_hit: negativeHits, outage_hit: outageHits, miss: misses };
  });
  gauge(registry, ADMISSION_METRICS.evidenceBytes, "place", () => {
    const { cache, store } = read();
    return { memory: cache.bytes, disk: store.bytes };
  });
  counter(registry, ADMISSION_METRICS.evidenceEvictions, undefined, () => ({ all: read().cache.evictions }));
  counter(registry, ADMISSION_METRICS.evidenceDropped, undefined, () => ({ all: read().store.dropped }));
  counter(registry, ADMISSION_METRICS.evidenceDiskErrors, undefined, () => ({ all: read().store.errors }));
  counter(registry, ADMISSION_METRICS.registryRequests, "outcome", () => {
    const { circuitOpen, ...others } = read().registries;
    return { ...others, circuit_open: circuitOpen };
  });
  counter(registry, ADMISSION_METRICS.verifications, "outcome", () => {
    const { verified, failed } = read().verifier;
    return { verified, failed };
  });
  counter(registry, ADMISSION_METRICS.verifyThreadsEnded, undefined, () => ({ all: read().verifier.ended }));
  gauge(registry, ADMISSION_METRICS.verifyWaiting, undefined, () => ({ all: read().verifier.waiting }));
}

type Values = Readonly<Record<string, number>>;

/** Totals kept elsewhere, one for each value of the label, or the only one. */
export function counter<L extends string>(
  registry: Registry,
  spec: MetricSpec<L>,
  label: L | undefined,
  values: () => Values,
) {
  const { name, help, labels } = spec;
  const own: Counter = new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect: (): void => {
      own.reset();
      for (const [value, total] of Object.entries(values()))
        own.inc(label === undefined ? {} : { [label]: value }, total);
    },
  });
}

export function gauge<L extends string>(
  registry: Registry,
  spec: MetricSpec<L>,
  label: L | undefined,
  values: () => Values,
) {
  const { name, help, labels } = spec;
  const own: Gauge = new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect: (): void => {
      for (const [value, now] of Object.entries(values())) own.set(label === undefined ? {} : { [label]: value }, now);
    },
  });
}
