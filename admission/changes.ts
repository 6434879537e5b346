import { isDeepStrictEqual } from "node:util";
import { isObject, type JsonObject, type PodSpecAt } from "../core/policy/pods/pod-spec.ts";

/**
 * Fields that may change on a stored Pod, or whose change starts nothing, and that no Pod Security level looks at: a
 * resize, a new toleration or a lifted scheduling gate does not have the whole pod judged anew.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement
 */
const UNPOLICED_OF_POD = [
  "activeDeadlineSeconds",
  "affinity",
  "nodeName",
  "nodeSelector",
  "resources",
  "schedulingGates",
  "terminationGracePeriodSeconds",
  "tolerations",
  "topologySpreadConstraints",
] as const;
const UNPOLICED_OF_CONTAINER = ["resources", "resizePolicy"] as const;
const CONTAINERS = ["initContainers", "containers", "ephemeralContainers"] as const;

/** The versions of the standards up to 1.24 read these profiles from annotations. */
const POLICED_ANNOTATION = /apparmor|seccomp/;

/** Whether two pods are the same to every Pod Security level and every image rule. */
export function samePolicedPart(a: PodSpecAt, b: PodSpecAt): boolean {
  return (
    isDeepStrictEqual(profilesOf(a), profilesOf(b)) &&
    (isDeepStrictEqual(a.spec, b.spec) || isDeepStrictEqual(policedPart(a.spec), policedPart(b.spec)))
  );
}

/** Whether two pods are the same to any rule at all, labels and annotations included. */
export function sameToEveryRule(a: PodSpecAt, b: PodSpecAt): boolean {
  const sameMetadata = ["labels", "annotations"].every((part) => isDeepStrictEqual(a.metadata[part], b.metadata[part]));
  return sameMetadata && isDeepStrictEqual(a.spec, b.spec);
}

function policedPart(spec: JsonObject): JsonObject {
  const lists = CONTAINERS.flatMap((list) => {
    const containers = spec[list];
    if (!Array.isArray(containers)) return [];
    return [[list, containers.map((one: unknown) => (isObject(one) ? without(one, UNPOLICED_OF_CONTAINER) : one))]];
  });
  return { ...without(spec, UNPOLICED_OF_POD), ...Object.fromEntries(lists) };
}

function without(object: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !fields.includes(name)));
}

function profilesOf({ metadata }: PodSpecAt): JsonObject {
  const annotations = isObject(metadata["annotations"]) ? metadata["annotations"] : {};
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => POLICED_ANNOTATION.test(name)));
}
