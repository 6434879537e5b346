import { isObject, type JsonObject, type PodSpecAt } from "../../core/policy/pods/pod-spec.ts";
import type { Found } from "./author-limits.ts";
import type { SidecarResources } from "./sidecar-spec.ts";

/** Annotations that size the sidecar, and what each sets. */
const RESOURCE_ANNOTATIONS = {
  "outrider.dev/sidecar-cpu-request": ["requests", "cpu"],
  "outrider.dev/sidecar-memory-request": ["requests", "memory"],
  "outrider.dev/sidecar-cpu-limit": ["limits", "cpu"],
  "outrider.dev/sidecar-memory-limit": ["limits", "memory"],
} as const;

const DEFAULT_RESOURCES: SidecarResources = {
  requests: { cpu: "20m", memory: "64Mi" },
  limits: { cpu: "1", memory: "256Mi" },
};

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const QUANTITY = /^\d{1,12}(\.\d{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/;

/** The sidecar's requests and limits: what the pod's annotations say, the default for the rest. */
export function resourcesOf(pod: PodSpecAt): SidecarResources {
  const annotations = annotationsOf(pod);
  const resources = { requests: { ...DEFAULT_RESOURCES.requests }, limits: { ...DEFAULT_RESOURCES.limits } };
  for (const [name, [kind, resource]] of Object.entries(RESOURCE_ANNOTATIONS)) {
    const value = annotations[name];
    if (typeof value === "string") resources[kind][resource] = value;
  }
  return resources;
}

/** Annotations that size the sidecar and are no quantity. */
export function resourceProblems(pod: PodSpecAt): Found[] {
  const annotations = annotationsOf(pod);
  return Object.keys(RESOURCE_ANNOTATIONS).flatMap((name) => {
    const value = annotations[name];
    if (value === undefined || (typeof value === "string" && QUANTITY.test(value))) return [];
    return [
      {
        code: "SIDECAR_CONFIG",
        path: `metadata.annotations["${name}"]`,
        found: JSON.stringify(value),
        expected: 'a quantity such as "100m" or "64Mi"',
        fix: "correct the annotation, or remove it for the default",
      },
    ];
  });
}

export function annotationsOf(pod: Pick<PodSpecAt, "metadata">): JsonObject {
  return isObject(pod.metadata["annotations"]) ? pod.metadata["annotations"] : {};
}
