import { Counter, Gauge, Registry } from "prom-client";
import type { Clock } from "../core/base/clock.ts";
import type { MetricSpec } from "../core/base/metric.ts";
import { MESH_METRICS } from "./metrics.ts";

/** The catalogue's metrics as live instruments of one registry. */
export interface Meters {
  readonly registry: Registry;
  compiled(count: number): void;
  answered(answer: "ack" | "nack"): void;
  /** @param result  "issued", or the code of the refusal */
  certificate(result: string): void;
  /** Reads the gauges from these at each scrape. */
  watch(readings: { readonly sidecars: () => readonly unknown[]; readonly anchorEndMs: () => number }): void;
}

export function createMeters(clock: Clock): Meters {
  const registry = new Registry();
  const counter = <L extends string>({ name, help, labels }: MetricSpec<L>) =>
    new Counter<L>({ name, help, labelNames: [...labels], registers: [registry] });
  const gauge = ({ name, help }: MetricSpec<never>, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect: function () {
        this.set(read());
      },
    });
  const compiled = counter(MESH_METRICS.compiled);
  const acknowledged = counter(MESH_METRICS.acknowledged);
  const certificates = counter(MESH_METRICS.certificates);
  return {
    registry,
    compiled: (count) => compiled.inc(count),
    answered: (answer) => acknowledged.inc({ answer }),
    certificate: (result) => certificates.inc({ result }),
    watch: ({ sidecars, anchorEndMs }) => {
      gauge(MESH_METRICS.sidecars, () => sidecars().length);
      gauge(MESH_METRICS.anchorExpiry, () => (anchorEndMs() - clock()) / 1000);
    },
  };
}
