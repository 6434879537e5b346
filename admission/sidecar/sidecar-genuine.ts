import { isObject, type JsonObject } from "../../core/policy/pods/pod-spec.ts";

/**
 * Fields that the API server fills in where nobody wrote them, and with what. Any other value is an author's.
 * @see k8s.io/kubernetes pkg/apis/core/v1/defaults.go
 */
const DEFAULTS: Readonly<Record<string, (value: unknown) => boolean>> = {
  apiVersion: oneOf("v1"),
  defaultMode: oneOf(0o644),
  imagePullPolicy: oneOf("Always", "IfNotPresent", "Never"),
  resizePolicy: Array.isArray,
  scheme: oneOf("HTTP"),
  successThreshold: oneOf(1),
  terminationMessagePath: oneOf("/dev/termination-log"),
  terminationMessagePolicy: oneOf("File"),
  timeoutSeconds: oneOf(1),
};

/** Where the API server mounts the pod's own token, in every container; the sidecar never reads there. */
const ACCOUNT_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Whether a container or volume is the one we write, all of it and nothing beside it but the API server's defaults.
 * Its name proves nothing: an author may write a container of that name with a command of his own.
 */
export function isGenuine(ours: JsonObject, present: JsonObject): boolean {
  return sameButDefaults(ours, withoutAddedResources(ours, withoutAccountMount(present)));
}

function sameButDefaults(ours: unknown, present: unknown): boolean {
  if (Array.isArray(ours)) {
    if (!Array.isArray(present) || present.length !== ours.length) return false;
    return ours.every((entry, index) => sameButDefaults(entry, present[index]));
  }
  if (!isObject(ours)) return ours === present;
  if (!isObject(present)) return false;
  const added = Object.entries(present).filter(([key]) => !Object.hasOwn(ours, key));
  return (
    added.every(([key, value]) => Object.hasOwn(DEFAULTS, key) && DEFAULTS[key]?.(value) === true) &&
    Object.entries(ours).every(([key, value]) => sameButDefaults(value, present[key]))
  );
}

function oneOf(...values: readonly unknown[]): (value: unknown) => boolean {
  return (value) => values.includes(value);
}

function withoutAccountMount(present: JsonObject): JsonObject {
  const mounts = present["volumeMounts"];
  if (!Array.isArray(mounts)) return present;
  return { ...present, volumeMounts: mounts.filter((mount) => !isAccountMount(mount)) };
}

/** As the API server writes it, and nothing more: it may not be written to, and comes from no path or node. */
function isAccountMount(mount: unknown): boolean {
  if (!isObject(mount)) return false;
  const { name: _, mountPath, readOnly, ...more } = mount;
  return mountPath === ACCOUNT_MOUNT && readOnly === true && Object.keys(more).length === 0;
}

/** A LimitRange of the namespace adds resources that we do not name, such as ephemeral-storage, to every container. */
function withoutAddedResources({ resources: ours }: JsonObject, present: JsonObject): JsonObject {
  const { resources } = present;
  if (!isObject(ours) || !isObject(resources)) return present;
  const kept = Object.entries(resources).map(([kind, amounts]) => {
    const own = ours[kind];
    if (!isObject(own) || !isObject(amounts)) return [kind, amounts];
    return [kind, Object.fromEntries(Object.entries(amounts).filter(([name]) => Object.hasOwn(own, name)))];
  });
  return { ...present, resources: Object.fromEntries(kept) };
}
