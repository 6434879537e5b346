import type { JsonObject } from "../../core/policy/pods/pod-spec.ts";
import { formatProbeTable, PROBE_PORT, PROBE_TABLE_VARIABLE } from "../../core/wire/probe-table.ts";
import type { ProbeEntries } from "./probes.ts";

export const SIDECAR_NAME = "outrider-sidecar";
/** The user the sidecar runs as, and nothing else in a pod may. */
export const SIDECAR_UID = 21_020;
/** Life of the token the sidecar proves itself with, in seconds; the kubelet renews it. */
export const SIDECAR_TOKEN_SECONDS = 3600;

export interface SidecarResources {
  readonly requests: { readonly cpu: string; readonly memory: string };
  readonly limits: { readonly cpu: string; readonly memory: string };
}

const VOLUME = { identity: "outrider-identity", config: "outrider-config", state: "outrider-state" } as const;
/** How long the sidecar may take to its first certificate, configuration and policy, in seconds. */
const START_SECONDS = 60;

/**
 * The injected container; it meets the restricted Pod Security level. It is asked how it does on the one port that the
 * kubelet reaches without an identity; the other containers start once it is ready, and a drain makes the pod unready.
 *
 * @param probes  of the application, which the sidecar makes for the kubelet
 */
export function sidecarContainer(image: string, resources: SidecarResources, probes: ProbeEntries = {}): JsonObject {
  return {
    name: SIDECAR_NAME,
    image,
    restartPolicy: "Always",
    args: ["sidecar", "--config", "/etc/outrider/config/sidecar.yaml"],
    env: [
      fieldEnv("OUTRIDER_POD_NAME", "metadata.name"),
      fieldEnv("OUTRIDER_POD_NAMESPACE", "metadata.namespace"),
      fieldEnv("OUTRIDER_POD_UID", "metadata.uid"),
      fieldEnv("OUTRIDER_POD_IP", "status.podIP"),
      { name: PROBE_TABLE_VARIABLE, value: formatProbeTable(probes) },
    ],
    resources,
    securityContext: {
      runAsUser: SIDECAR_UID,
      runAsGroup: SIDECAR_UID,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    startupProbe: { httpGet: ask("/readyz"), periodSeconds: 1, failureThreshold: START_SECONDS },
    readinessProbe: { httpGet: ask("/readyz"), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { httpGet: ask("/healthz"), periodSeconds: 10, failureThreshold: 3 },
    volumeMounts: [
      { name: VOLUME.identity, mountPath: "/var/run/outrider/identity", readOnly: true },
      { name: VOLUME.config, mountPath: "/etc/outrider/config", readOnly: true },
      { name: VOLUME.state, mountPath: "/var/lib/outrider" },
    ],
  };
}

/** Volumes the container mounts: its token and anchors, its configuration, and memory for what it keeps. */
export function sidecarVolumes(): JsonObject[] {
  const token = { path: "token", audience: "outrider-ca", expirationSeconds: SIDECAR_TOKEN_SECONDS };
  return [
    {
      name: VOLUME.identity,
      projected: { sources: [{ serviceAccountToken: token }, { configMap: { name: "outrider-trust-bundle" } }] },
    },
    { name: VOLUME.config, configMap: { name: "outrider-sidecar" } },
    { name: VOLUME.state, emptyDir: { medium: "Memory", sizeLimit: "16Mi" } },
  ];
}

/** Names of the volumes, which nothing but the sidecar may mount. */
export const SIDECAR_VOLUMES: readonly string[] = Object.values(VOLUME);

function ask(path: string): JsonObject {
  return { path, port: PROBE_PORT };
}

function fieldEnv(name: string, fieldPath: string): JsonObject {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
