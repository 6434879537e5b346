import type { JsonObject } from "../../core/policy/pods/pod-spec.ts";

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
const ADMIN_PORT = 15_020;

/** The injected container; it meets the restricted Pod Security level. */
export function sidecarContainer(image: string, resources: SidecarResources): JsonObject {
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
    ],
    resources,
    securityContext: {
      runAsUser: SIDECAR_UID,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    startupProbe: { httpGet: { path: "/readyz", port: ADMIN_PORT }, periodSeconds: 1, failureThreshold: 60 },
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

function fieldEnv(name: string, fieldPath: string): JsonObject {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
