import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import {
  type Layout,
  NAMESPACE,
  POD_PORT,
  podName,
  podUid,
  TIME_SCALE,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  TRUST_DOMAIN,
  type WorkloadName,
} from "./layout.ts";
import type { Broken } from "./sabotage.ts";
import type { PartSpec } from "./supervisor.ts";
import { packageRoot } from "./workspace.ts";

/** How often a sidecar sends its counters, and how long silence means "lost". */
const EXPORT_INTERVAL = "200ms";
const INSTANCE_TIMEOUT = "2500ms";

const NEXT: Readonly<Partial<Record<WorkloadName, WorkloadName>>> = { web: "checkout", checkout: "payments" };

export function meshPart(layout: Layout, broken: Broken): PartSpec {
  return service(layout, "mesh", {
    trustDomain: TRUST_DOMAIN,
    stateDir: "./mesh-state",
    bundleFile: layout.bundleFile,
    cluster: { folder: layout.manifests },
    ca: { listen: layout.ca },
    snapshots: { listen: layout.snapshots },
    admin: { listen: layout.meshAdmin },
    tokens: { jwks: "./jwks.json", issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE },
    mtls: broken.has("plain-text") ? "permissive" : "strict",
    collector: `http://${layout.otlp}`,
  });
}

export function collectorPart(layout: Layout): PartSpec {
  return service(layout, "collector", {
    otlp: { listen: layout.otlp },
    web: { listen: layout.web },
    stateDir: "./collector-state",
    cluster: { folder: layout.manifests },
    slo: { folder: layout.slo, timeScale: TIME_SCALE },
    instanceTimeout: INSTANCE_TIMEOUT,
  });
}

export function admissionPart(layout: Layout, sidecarImage: string): PartSpec {
  return service(layout, "admission", {
    listen: layout.webhook,
    serverNames: [layout.address.admission, "outrider-admission.outrider-system.svc"],
    stateDir: "./admission-state",
    caFile: layout.webhookCa,
    admin: { listen: layout.webhookAdmin },
    policies: { folder: layout.policies },
    cluster: { folder: layout.manifests },
    registries: [{ host: layout.registry, plainHttp: true }],
    scanStore: layout.scanStore,
    sidecar: { image: sidecarImage, verify: true },
    collector: `http://${layout.otlp}`,
  });
}

/** The sidecar of one workload: its own bundle, so that it starts fast and carries nothing else. */
export function sidecarPart(layout: Layout, workload: WorkloadName): PartSpec {
  const name = `sidecar-${workload}`;
  const ip = layout.address[workload];
  mkdirSync(join(layout.folder, name), { recursive: true });
  const config = writeConfig(layout, name, {
    trustDomain: TRUST_DOMAIN,
    pod: { namespace: NAMESPACE, name: podName(workload), uid: podUid(workload), ip },
    identity: { url: `https://${layout.ca}`, bundleFile: layout.bundleFile, tokenFile: tokenFile(layout, workload) },
    control: { address: layout.snapshots },
    stateDir: `./${name}`,
    inbound: [{ port: POD_PORT.inbound, listen: `${ip}:${POD_PORT.inbound}`, app: `${ip}:${POD_PORT.app}` }],
    outbound: { listen: `${ip}:${POD_PORT.outbound}` },
    admin: { listen: `${ip}:${POD_PORT.admin}` },
    collector: { url: `http://${layout.otlp}`, interval: EXPORT_INTERVAL },
    tracing: { sampleRatio: 1 },
    drainDeadline: "2s",
  });
  return { name, args: [join(packageRoot(), "dist/sidecar.js"), "--config", config] };
}

export function appPart(layout: Layout, workload: WorkloadName, broken: Broken): PartSpec {
  const next = NEXT[workload];
  const args = ["demo-app", "--name", workload, "--ip", layout.address[workload]];
  if (next !== undefined) args.push("--next", next);
  if (broken.has("lose-trace-context")) args.push("--drop-trace");
  return { name: `app-${workload}`, args: [command(), ...args] };
}

/** Where the pod's projected token lies. */
export const tokenFile = (layout: Layout, workload: WorkloadName): string => join(layout.folder, "tokens", workload);

/** The bundled command that every part but the sidecar is started from. */
export const command = (): string => join(packageRoot(), "dist/outrider.js");

function service(layout: Layout, name: string, config: object): PartSpec {
  return { name, args: [command(), name, "--config", writeConfig(layout, name, config)] };
}

function writeConfig(layout: Layout, name: string, config: object): string {
  const file = join(layout.folder, `${name}.yaml`);
  writeFileSync(file, stringify(config));
  return file;
}
