import {
  type Breach,
  breachAt,
  containerContextsOf,
  hasUserNamespace,
  isAbsent,
  isWindows,
  type PodSecurityCheck,
  partOf,
  podContextOf,
  type SecurityContextAt,
  securityContextsOf,
} from "./pod-security-check.ts";
import { element, field, isObject, type PodSpecAt, textOf, volumesOf } from "./pod-spec.ts";

const VOLUME_TYPES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];
const SECCOMP_TYPES = ["RuntimeDefault", "Localhost"];

/**
 * What the restricted level adds to baseline, in the standard's order.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
export const RESTRICTED_CHECKS: readonly PodSecurityCheck[] = [
  restricted("PSS_VOLUME_TYPE", `a volume of type ${VOLUME_TYPES.join(", ")}`, "use one of these types", volumeTypes),
  restricted(
    "PSS_PRIVILEGE_ESCALATION",
    "allowPrivilegeEscalation: false",
    "set securityContext.allowPrivilegeEscalation: false",
    escalation,
  ),
  restricted(
    "PSS_RUN_AS_NON_ROOT",
    "runAsNonRoot: true",
    "set securityContext.runAsNonRoot: true on the pod or the container",
    nonRoot,
  ),
  restricted("PSS_RUN_AS_USER", "a user other than 0", "set runAsUser to another number, or remove it", runAsUser),
  restricted(
    "PSS_SECCOMP_UNSET",
    "seccompProfile.type RuntimeDefault or Localhost",
    "set seccompProfile.type: RuntimeDefault on the pod",
    seccomp,
  ),
  restricted(
    "PSS_CAPABILITIES_DROP",
    "capabilities.drop: [ALL], and only NET_BIND_SERVICE added",
    "set capabilities.drop: [ALL]",
    capabilities,
  ),
];

function restricted(
  code: string,
  expected: string,
  fix: string,
  breaches: (pod: PodSpecAt) => Breach[],
): PodSecurityCheck {
  return { code, level: "restricted", expected, fix, breaches };
}

function volumeTypes(pod: PodSpecAt): Breach[] {
  return volumesOf(pod).flatMap(({ place, value }) => {
    const types = Object.keys(value).filter((key) => key !== "name" && !isAbsent(value[key]));
    if (types.some((type) => VOLUME_TYPES.includes(type))) return [];
    return [{ path: place.path, subject: `volume ${textOf(value["name"])}`, found: types.join(", ") || "no type" }];
  });
}

function escalation(pod: PodSpecAt): Breach[] {
  if (isWindows(pod)) return [];
  return mustBe(pod, "allowPrivilegeEscalation", (value) => value === false);
}

function mustBe(pod: PodSpecAt, name: string, holds: (value: unknown) => boolean): Breach[] {
  return containerContextsOf(pod).flatMap((at) =>
    holds(at.context[name]) ? [] : [breachAt(field(at, name), at.context[name] ?? "absent", at.container)],
  );
}

function nonRoot(pod: PodSpecAt): Breach[] {
  if (hasUserNamespace(pod)) return [];
  const at = podContextOf(pod);
  const ofPod = at.context["runAsNonRoot"];
  const pods = isAbsent(ofPod) || ofPod === true ? [] : [breachAt(field(at, "runAsNonRoot"), ofPod)];
  return [...pods, ...mustBe(pod, "runAsNonRoot", (value) => value === true || (isAbsent(value) && ofPod === true))];
}

function runAsUser(pod: PodSpecAt): Breach[] {
  if (hasUserNamespace(pod)) return [];
  return securityContextsOf(pod).flatMap((at) => {
    const user = at.context["runAsUser"];
    const other = isAbsent(user) || (typeof user === "number" && user !== 0);
    return other ? [] : [breachAt(field(at, "runAsUser"), user, at.container)];
  });
}

function seccomp(pod: PodSpecAt): Breach[] {
  if (isWindows(pod)) return [];
  const podSets = SECCOMP_TYPES.includes(textOf(partOf(podContextOf(pod), "seccompProfile").value["type"]));
  return containerContextsOf(pod).flatMap((at) => {
    const { place, value } = partOf(at, "seccompProfile");
    const set = isAbsent(value["type"]) ? podSets : SECCOMP_TYPES.includes(textOf(value["type"]));
    return set ? [] : [breachAt(field(place, "type"), value["type"] ?? "absent", at.container)];
  });
}

function capabilities(pod: PodSpecAt): Breach[] {
  if (isWindows(pod)) return [];
  return containerContextsOf(pod).flatMap((at) => [...notDropped(at), ...added(at)]);
}

function notDropped(at: SecurityContextAt): Breach[] {
  const { place, value } = partOf(at, "capabilities");
  const { drop } = value;
  if (Array.isArray(drop) && drop.includes("ALL")) return [];
  return [breachAt(field(place, "drop"), drop ?? "absent", at.container)];
}

function added(at: SecurityContextAt): Breach[] {
  const { place, value } = partOf(at, "capabilities");
  const add = Array.isArray(value["add"]) ? value["add"] : [];
  const where = field(place, "add");
  return add.flatMap((name, index) => {
    if (name === "NET_BIND_SERVICE") return [];
    const shown = isObject(name) ? JSON.stringify(name) : String(name);
    return [
      {
        ...breachAt(element(where, index), name, at.container),
        found: shown,
        fix: `remove ${shown} from capabilities.add`,
      },
    ];
  });
}
