import { isObject, type PodSpecAt, textOf } from "../../core/policy/pods/pod-spec.ts";
import { annotationsOf } from "./resources.ts";

/** "disabled" keeps the sidecar out of one pod. */
export const INJECT_ANNOTATION = "outrider.dev/inject";

/** Why a pod is to have no sidecar. */
export interface OptOut {
  /** Where the pod says so: "metadata.annotations[...]". */
  readonly path: string;
  /** "hostNetwork: true" */
  readonly found: string;
  /** What a person is told who may not have expected it; absent where the author asked. */
  readonly warning?: string;
}

/** A pod that asks for no sidecar, or can have none. */
export function optOutOf(pod: PodSpecAt): OptOut | undefined {
  if (annotationsOf(pod)[INJECT_ANNOTATION] === "disabled")
    return { path: `metadata.annotations["${INJECT_ANNOTATION}"]`, found: `${INJECT_ANNOTATION}: disabled` };
  if (pod.spec["hostNetwork"] === true)
    return {
      path: `${pod.path}.hostNetwork`,
      found: "hostNetwork: true",
      warning: "no sidecar injected, because hostNetwork shares the node's network",
    };
  if (isObject(pod.spec["os"]) && textOf(pod.spec["os"]["name"]) === "windows")
    return {
      path: `${pod.path}.os.name`,
      found: "os.name: windows",
      warning: "no sidecar injected, because there is none for Windows",
    };
  return undefined;
}
