import { malformed } from "../pod-spec.ts";
import {
  type Breach,
  type Check,
  containersText,
  type Finding,
  isAbsent,
  isFalse,
  quoted,
  settersText,
  shown,
  valuesOf,
} from "./finding.ts";
import { hasUserNamespace, isWindows, type PodView, partOf, placeOf, type Setter } from "./view.ts";

/** Capabilities a container may add at the baseline level. */
export const BASELINE_CAPABILITIES: readonly string[] = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
];
const RESTRICTED_CAPABILITIES: readonly string[] = ["NET_BIND_SERVICE"];
/** Most capabilities one container may add; Linux has 41, and the API server takes any number of any text. */
export const CAPABILITIES_LIMIT = 64;

/** Since v1.25 a pod that says it is for Windows need not set what Windows does not have. */
export function exceptOnWindows(check: Check): Check {
  return (view) => (isWindows(view) ? undefined : check(view));
}

/** Since v1.35 a pod with a user namespace of its own may be root in it. */
export function exceptInUserNamespace(check: Check): Check {
  return (view) => (hasUserNamespace(view) ? undefined : check(view));
}

export function privileged({ containers }: PodView): Finding | undefined {
  const breaches = breachesIn(containers, "privileged", isFalse, "PSS_PRIVILEGED");
  if (breaches.length === 0) return undefined;
  const detail = `${containersText(breaches)} must not set securityContext.privileged=true`;
  return { reason: "privileged", detail, breaches };
}

export function privilegeEscalation({ containers }: PodView): Finding | undefined {
  const breaches = breachesIn(
    containers,
    "allowPrivilegeEscalation",
    (value) => value === false,
    "PSS_PRIVILEGE_ESCALATION",
  );
  if (breaches.length === 0) return undefined;
  const detail = `${containersText(breaches)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: "allowPrivilegeEscalation != false", detail, breaches };
}

export function procMount({ containers }: PodView): Finding | undefined {
  const isDefault = (value: unknown) => isAbsent(value) || value === "Default";
  const breaches = breachesIn(containers, "procMount", isDefault, "PSS_PROC_MOUNT");
  if (breaches.length === 0) return undefined;
  const values = quoted(valuesOf(breaches));
  const detail = `${containersText(breaches)} must not set securityContext.procMount to ${values}`;
  return { reason: "procMount", detail, breaches };
}

export function runAsUser({ setters }: PodView): Finding | undefined {
  const isOther = (value: unknown) => isAbsent(value) || (typeof value === "number" && value !== 0);
  const breaches = breachesIn(setters, "runAsUser", isOther, "PSS_RUN_AS_USER");
  if (breaches.length === 0) return undefined;
  return { reason: "runAsUser=0", detail: `${settersText(breaches)} must not set runAsUser=0`, breaches };
}

export function runAsNonRoot({ setters, containers, pod }: PodView): Finding | undefined {
  const isTrue = (value: unknown) => isAbsent(value) || value === true;
  const set = breachesIn(setters, "runAsNonRoot", isTrue, "PSS_RUN_AS_NON_ROOT");
  const holds = pod.context["runAsNonRoot"] === true;
  const unset = holds ? [] : breachesIn(containers, "runAsNonRoot", (value) => !isAbsent(value), "PSS_RUN_AS_NON_ROOT");
  if (set.length + unset.length === 0) return undefined;
  const detail =
    set.length > 0
      ? `${settersText(set)} must not set securityContext.runAsNonRoot=false`
      : `pod or ${containersText(unset)} must set securityContext.runAsNonRoot=true`;
  return { reason: "runAsNonRoot != true", detail, breaches: [...set, ...unset] };
}

export function baselineCapabilities(view: PodView): Finding | undefined {
  const breaches = view.containers.flatMap((one) => added(view, one, BASELINE_CAPABILITIES));
  return breaches.length === 0
    ? undefined
    : { reason: "non-default capabilities", detail: addedText(breaches), breaches };
}

export function restrictedCapabilities(view: PodView): Finding | undefined {
  const kept = view.containers.flatMap((one) => notDropped(view, one));
  const more = view.containers.flatMap((one) => added(view, one, RESTRICTED_CAPABILITIES));
  if (kept.length + more.length === 0) return undefined;
  const parts = [
    ...(kept.length === 0 ? [] : [`${containersText(kept)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...(more.length === 0 ? [] : [addedText(more)]),
  ];
  return { reason: "unrestricted capabilities", detail: parts.join("; "), breaches: [...kept, ...more] };
}

/** Every setter whose field does not hold. */
function breachesIn(
  setters: readonly Setter[],
  name: string,
  holds: (value: unknown) => boolean,
  code: Breach["code"],
): Breach[] {
  const breaches: Breach[] = [];
  for (const setter of setters) {
    const value = setter.context[name];
    if (!holds(value)) breaches.push({ code, setter, at: ["securityContext", name], value });
  }
  return breaches;
}

const NOTHING: readonly Breach[] = [];
const CAPABILITIES = ["securityContext", "capabilities"] as const;

function added(view: PodView, setter: Setter, allowed: readonly string[]): readonly Breach[] {
  const add = partOf(view, setter, setter.context["capabilities"], CAPABILITIES)?.["add"];
  if (isAbsent(add)) return NOTHING;
  const at = [...CAPABILITIES, "add"];
  const breach = { code: "PSS_CAPABILITIES", setter, expected: `none but ${allowed.join(", ")}` } as const;
  if (!Array.isArray(add)) return [{ ...breach, at, value: add }];
  if (add.length > CAPABILITIES_LIMIT)
    throw malformed(placeOf(view.at, setter, at).path, `at most ${CAPABILITIES_LIMIT} entries`, add.length);
  return add.flatMap((value, index) => {
    if (allowed.includes(value)) return [];
    return [{ ...breach, at: [...at, index], value, fix: `remove ${shown(value)} from capabilities.add` }];
  });
}

function addedText(breaches: readonly Breach[]): string {
  const names = quoted(valuesOf(breaches));
  return `${containersText(breaches)} must not include ${names} in securityContext.capabilities.add`;
}

function notDropped(view: PodView, setter: Setter): readonly Breach[] {
  const drop = partOf(view, setter, setter.context["capabilities"], CAPABILITIES)?.["drop"];
  if (Array.isArray(drop) && drop.includes("ALL")) return NOTHING;
  return [{ code: "PSS_CAPABILITIES_DROP", setter, at: [...CAPABILITIES, "drop"], value: drop }];
}
