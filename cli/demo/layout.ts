import { join } from "node:path";
import type { Block } from "./block.ts";

/** The workloads of the demo's shop; host numbers are those of the manifests. */
export const WORKLOADS = ["web", "checkout", "payments", "batch"] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

const HOST = {
  mesh: 1,
  collector: 2,
  admission: 3,
  registry: 4,
  web: 21,
  checkout: 22,
  payments: 23,
  batch: 24,
} as const;

/** uid of a demo pod: fixed, because the manifests are files; the API server would have made one. */
export const podUid = (workload: WorkloadName): string => `00000000-0000-4000-8000-0000000000${HOST[workload]}`;
export const podName = (workload: WorkloadName): string => `${workload}-1`;

export const NAMESPACE = "shop";
export const TRUST_DOMAIN = "demo.outrider.dev";
export const TOKEN_ISSUER = "https://kubernetes.default.svc";
export const TOKEN_AUDIENCE = "outrider-ca";

/** How many times faster than in production the alert windows run: 1 h in 12 s, 5 m in 1 s; faster ones would flap. */
export const TIME_SCALE = 300;

/** Every address and path of one demo run, derived from its loopback block and its temporary folder. */
export interface Layout {
  readonly folder: string;
  readonly address: Readonly<Record<keyof typeof HOST, string>>;
  readonly manifests: string;
  readonly policies: string;
  readonly slo: string;
  readonly bundleFile: string;
  readonly webhookCa: string;
  readonly scanStore: string;
  readonly ca: string;
  readonly snapshots: string;
  readonly meshAdmin: string;
  readonly otlp: string;
  readonly web: string;
  readonly webhook: string;
  readonly webhookAdmin: string;
  readonly registry: string;
}

export function layoutOf(block: Block, folder: string): Layout {
  const entries = Object.entries(HOST).map(([name, host]) => [name, block.at(host)]);
  const address = Object.fromEntries(entries) as Record<keyof typeof HOST, string>;
  return {
    folder,
    address,
    manifests: join(folder, "manifests"),
    policies: join(folder, "policies"),
    slo: join(folder, "slo"),
    bundleFile: join(folder, "trust-bundle.pem"),
    webhookCa: join(folder, "webhook-ca.pem"),
    scanStore: join(folder, "scans.sqlite"),
    ca: `${address.mesh}:15012`,
    snapshots: `${address.mesh}:15010`,
    meshAdmin: `${address.mesh}:15014`,
    otlp: `${address.collector}:4318`,
    web: `${address.collector}:8088`,
    webhook: `${address.admission}:8443`,
    webhookAdmin: `${address.admission}:9443`,
    registry: `${address.registry}:5000`,
  };
}

/** Ports of one demo pod. Without interception the app listens beside its port, and the sidecar on it. */
export const POD_PORT = { inbound: 8080, app: 18_080, control: 18_090, outbound: 15_001, admin: 15_020 } as const;
