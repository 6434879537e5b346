import { isObject, type JsonObject } from "../../core/policy/pods/pod-spec.ts";

/** Fields that the API server fills in where nobody wrote them. @see k8s.io/kubernetes pkg/apis/core/v1/defaults.go */
const DEFAULTED = [
  "apiVersion",
  "defaultMode",
  "imagePullPolicy",
  "scheme",
  "successThreshold",
  "terminationMessagePath",
  "terminationMessagePolicy",
  "timeoutSeconds",
];

/** Where the API server mounts the pod's own token, in every container. */
const ACCOUNT_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Whether a container or volume is the one we write, all of it and nothing beside it but the API server's defaults.
 * Its name proves nothing: an author may write a container of that name with a command of his own.
 */
export function isGenuine(ours: JsonObject, present: JsonObject): boolean {
  return sameButDefaults(ours, withoutAccountMount(present));
}

function sameButDefaults(ours: unknown, present: unknown): boolean {
  if (Array.isArray(ours)) {
    if (!Array.isArray(present) || present.length !== ours.length) return false;
    return ours.every((entry, index) => sameButDefaults(entry, present[index]));
  }
  if (!isObject(ours)) return ours === present;
  if (!isObject(present)) return false;
  const added = Object.keys(present).filter((key) => !Object.hasOwn(ours, key));
  return (
    added.every((key) => DEFAULTED.includes(key)) &&
    Object.entries(ours).every(([key, value]) => sameButDefaults(value, present[key]))
  );
}

function withoutAccountMount(present: JsonObject): JsonObject {
  const mounts = present["volumeMounts"];
  if (!Array.isArray(mounts)) return present;
  return {
    ...present,
    volumeMounts: mounts.filter((mount) => !isObject(mount) || mount["mountPath"] !== ACCOUNT_MOUNT),
  };
}
