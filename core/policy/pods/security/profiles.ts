import { type JsonObject, objectAt, type Place, type PodSpecAt } from "../pod-spec.ts";
import {
  type Breach,
  containersText,
  type Finding,
  isAbsent,
  namedText,
  plural,
  quoted,
  settersText,
  shown,
  sorted,
  valuesOf,
} from "./finding.ts";
import { quotedGo } from "./quoted-go.ts";
import { metadataPlace, type PodView, partOf, type Setter, stepInto } from "./view.ts";

const APPARMOR_PREFIX = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_PREFIX = "container.seccomp.security.alpha.kubernetes.io/";

/** AppArmor, by field and by the annotation that came before it. */
export function appArmor(view: PodView): Finding | undefined {
  const byField = profileBreaches(view, "appArmorProfile", "PSS_APPARMOR");
  const values = annotationsOf(view);
  const byAnnotation = Object.keys(values)
    .filter((key) => key.startsWith(APPARMOR_PREFIX) && !isAppArmorValue(values[key]))
    .map((key) => annotationBreach(view, key, values[key], "PSS_APPARMOR"));
  if (byField.length + byAnnotation.length === 0) return undefined;
  const settings = [...valuesOf(byField), ...annotationTexts(byAnnotation)];
  const who = [
    ...(byField.length === 0 ? [] : [settersText(byField)]),
    ...(byAnnotation.length === 0 ? [] : [plural("annotation", byAnnotation.length)]),
  ].join(" and ");
  return {
    reason: plural("forbidden AppArmor profile", settings.length),
    detail: `${who} must not set AppArmor profile type to ${quoted(settings)}`,
    breaches: [...byField, ...byAnnotation],
  };
}

/** Seccomp as it was written before v1.19: in annotations of the pod. */
export function seccompAnnotations(view: PodView): Finding | undefined {
  const values = annotationsOf(view);
  const keys = new Set([SECCOMP_POD, ...view.containers.map(({ name }) => `${SECCOMP_PREFIX}${name}`)]);
  const breaches = [...keys]
    .filter((key) => Object.hasOwn(values, key) && !isSeccompValue(values[key]))
    .map((key) => annotationBreach(view, key, values[key], "PSS_SECCOMP"));
  if (breaches.length === 0) return undefined;
  const detail = `forbidden ${plural("annotation", breaches.length)} ${annotationTexts(breaches).join(", ")}`;
  return { reason: "seccompProfile", detail, breaches };
}

export function seccomp(view: PodView): Finding | undefined {
  const set = profileBreaches(view, "seccompProfile", "PSS_SECCOMP");
  return set.length === 0 ? undefined : { reason: "seccompProfile", detail: seccompText(set), breaches: set };
}

const NAME_PROFILE = "set seccompProfile.type: RuntimeDefault";

/** The restricted level wants a profile to be named. */
export function seccompRequired(view: PodView): Finding | undefined {
  const set = profileBreaches(view, "seccompProfile", "PSS_SECCOMP").map((one) => ({ ...one, fix: NAME_PROFILE }));
  const unset = unprofiled(view);
  if (set.length + unset.length === 0) return undefined;
  const wanted = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"';
  const detail = set.length > 0 ? seccompText(set) : `pod or ${containersText(unset)} ${wanted}`;
  return { reason: "seccompProfile", detail, breaches: [...set, ...unset] };
}

function seccompText(breaches: readonly Breach[]): string {
  const types = quoted(valuesOf(breaches));
  return `${settersText(breaches)} must not set securityContext.seccompProfile.type to ${types}`;
}

/** Containers without a profile in a pod that does not give them one. */
function unprofiled(view: PodView): Breach[] {
  const ofPod = partOf(view, view.pod, view.pod.context["seccompProfile"], SECCOMP);
  if (ofPod !== undefined && isProfileType(ofPod["type"])) return [];
  const bare = view.containers.filter((one) => isAbsent(one.context["seccompProfile"]));
  return bare.map((setter) => ({ code: "PSS_SECCOMP_UNSET", setter, at: [...SECCOMP, "type"], value: undefined }));
}

const SECCOMP = ["securityContext", "seccompProfile"] as const;

/** Every profile that is given with another type than RuntimeDefault or Localhost, or with none. */
function profileBreaches(view: PodView, name: "appArmorProfile" | "seccompProfile", code: Breach["code"]): Breach[] {
  const breaches: Breach[] = [];
  for (const setter of view.setters) {
    const profile = partOf(view, setter, setter.context[name], ["securityContext", name]);
    if (profile === undefined) continue;
    const { type } = profile;
    if (!isProfileType(type)) breaches.push({ code, setter, at: ["securityContext", name, "type"], value: type });
  }
  return breaches;
}

function isProfileType(type: unknown): boolean {
  return type === "RuntimeDefault" || type === "Localhost";
}

/** @param types  that a container may ask for, besides none */
export function seLinux(types: readonly string[]): (view: PodView) => Finding | undefined {
  return (view) => {
    const breaches = view.setters.flatMap((setter) => seLinuxBreaches(view, setter, types));
    if (breaches.length === 0) return undefined;
    const wrong = (field: string) => breaches.filter(({ at }) => Array.isArray(at) && at.at(-1) === field);
    const bad = valuesOf(wrong("type"));
    const what = [
      ...(bad.length === 0 ? [] : [namedText("type", bad)]),
      ...["user", "role"].filter((name) => wrong(name).length > 0).map((name) => `${name} may not be set`),
    ];
    const detail = `${settersText(breaches)} set forbidden securityContext.seLinuxOptions: ${what.join("; ")}`;
    return { reason: "seLinuxOptions", detail, breaches };
  };
}

const NO_ANNOTATIONS: JsonObject = {};
const NOTHING: readonly Breach[] = [];

function seLinuxBreaches(view: PodView, setter: Setter, types: readonly string[]): readonly Breach[] {
  const at = ["securityContext", "seLinuxOptions"];
  const options = partOf(view, setter, setter.context["seLinuxOptions"], at);
  if (options === undefined) return NOTHING;
  const isUnset = (value: unknown) => isAbsent(value) || value === "";
  const wrong = ["type", "user", "role"].filter((name) => {
    const value = options[name];
    return !isUnset(value) && !(name === "type" && types.includes(value as string));
  });
  return wrong.map((name) => ({
    code: "PSS_SELINUX",
    setter,
    at: [...at, name],
    value: options[name],
    expected: name === "type" ? `${types.join(", ")} or none` : `no ${name}`,
    fix: `remove seLinuxOptions.${name}`,
  }));
}

function annotationsOf({ at }: PodView): JsonObject {
  const values = at.metadata["annotations"];
  return isAbsent(values) ? NO_ANNOTATIONS : objectAt(values, annotationsPlace(at));
}

function annotationsPlace(at: PodSpecAt): Place {
  return stepInto(metadataPlace(at), "annotations");
}

function annotationBreach({ at, pod }: PodView, key: string, value: unknown, code: Breach["code"]): Breach {
  const place = stepInto(annotationsPlace(at), key);
  return { code, setter: pod, at: place, value: `${key}=${quotedGo(shown(value))}` };
}

function annotationTexts(breaches: readonly Breach[]): string[] {
  return sorted(breaches.map(({ value }) => String(value)));
}

function isAppArmorValue(value: unknown): boolean {
  if (isAbsent(value)) return true;
  return value === "" || value === "runtime/default" || (typeof value === "string" && value.startsWith("localhost/"));
}

function isSeccompValue(value: unknown): boolean {
  if (typeof value !== "string") return false;
  return value === "runtime/default" || value === "docker/default" || value.startsWith("localhost/");
}
