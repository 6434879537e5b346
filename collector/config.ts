import { dirname, resolve } from "node:path";
import { z } from "zod";
import { readConfig } from "../core/base/config.ts";
import { durationField } from "../core/base/duration.ts";
import { hostPortField } from "../core/base/host-port.ts";

/** Windows shorter than the export interval hold nothing; beyond this scale "5m" is under a tenth of a second. */
export const LARGEST_TIME_SCALE = 3000;

const collectorSchema = z.strictObject({
  /** POST /v1/traces, /v1/metrics, /v1/logs. */
  otlp: z.strictObject({ listen: hostPortField }),
  /** The page, the API, /metrics, /healthz, /readyz. */
  web: z.strictObject({ listen: hostPortField }),
  stateDir: z.string().min(1),
  /** Kubernetes manifests whose Services may carry slo.outrider.dev annotations. */
  cluster: z.strictObject({ folder: z.string().min(1) }).optional(),
  slo: z
    .strictObject({
      folder: z.string().min(1).optional(),
      /** Divides every window; 1 in production. */
      timeScale: z.number().min(1).max(LARGEST_TIME_SCALE).default(1),
    })
    .default({ timeScale: 1 }),
  /** Nothing heard for so long: lost. */
  instanceTimeout: durationField.default(30_000),
});

export type CollectorConfig = z.infer<typeof collectorSchema>;

/** Paths come back absolute. @throws {CodedError} CONFIG_UNREADABLE, CONFIG_INVALID */
export function readCollectorConfig(file: string): CollectorConfig {
  const config = readConfig(collectorSchema as z.ZodType<CollectorConfig>, file);
  const absolute = (path: string): string => resolve(dirname(file), path);
  return {
    ...config,
    stateDir: absolute(config.stateDir),
    ...(config.cluster === undefined ? {} : { cluster: { folder: absolute(config.cluster.folder) } }),
    slo: { ...config.slo, ...(config.slo.folder === undefined ? {} : { folder: absolute(config.slo.folder) }) },
  };
}
