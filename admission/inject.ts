import { decide, type Violation } from "../core/policy/decision.ts";
import { containersOf, isObject, type JsonObject, type PodSpecAt } from "../core/policy/pods/pod-spec.ts";
import { isPod, type Part, type Verdict } from "./judge.ts";
import type { PatchOperation } from "./pin.ts";
import { isGenuine } from "./sidecar/sidecar-genuine.ts";
import {
  SIDECAR_NAME,
  SIDECAR_UID,
  type SidecarResources,
  sidecarContainer,
  sidecarVolumes,
} from "./sidecar/sidecar-spec.ts";

/** Says that a pod got its sidecar, and which; read by people, never believed by the gate. */
export const INJECTED_ANNOTATION = "outrider.dev/injected";
/** "disabled" keeps the sidecar out of one pod. */
export const INJECT_ANNOTATION = "outrider.dev/inject";

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

/** What injection comes to: a patch, or a reason why not. */
export interface Injection {
  readonly operations: readonly PatchOperation[];
  readonly warnings: readonly string[];
  /** What forbids it; the pod is refused, as it asked for a sidecar it cannot have. */
  readonly refused?: Part;
}

const NOTHING: Injection = { operations: [], warnings: [] };

/**
 * Gives a Pod its sidecar: a native one (an init container that restarts always), placed first, so that it runs before
 * and ends after everything else. Does nothing when it is there already, so it may be called again and again.
 */
export function injectSidecar(verdict: Verdict, image: string | undefined): Injection {
  const { subject, rules } = verdict;
  const [pod] = subject.pods;
  if (
    image === undefined ||
    pod === undefined ||
    !isPod(subject) ||
    subject.operation !== "CREATE" ||
    rules.inject === undefined
  )
    return NOTHING;
  if (annotationsOf(pod)[INJECT_ANNOTATION] === "disabled") return NOTHING;
  if (pod.spec["hostNetwork"] === true) {
    return {
      ...NOTHING,
      warnings: [`${subject.name}: no sidecar injected, because hostNetwork shares the node's network`],
    };
  }
  const wrong = [...uidViolations(pod), ...resourceViolations(pod)];
  if (wrong.length > 0) return { ...NOTHING, refused: refusal(wrong) };
  return { ...NOTHING, operations: operationsFor(pod, image) };
}

function operationsFor(pod: PodSpecAt, image: string): PatchOperation[] {
  const existing = listOf(pod.spec["initContainers"]);
  const index = existing.findIndex((container) => container["name"] === SIDECAR_NAME);
  const sidecar = sidecarContainer(image, resourcesOf(pod));
  const present = existing[index];
  const there = index === 0 && present !== undefined && isGenuine(sidecar, present);
  const wanted = [...(there ? [] : [...removeOld(index), ...insertFirst(pod, sidecar)]), ...ownVolumes(pod)];
  return wanted.length === 0 ? [] : [...wanted, ...annotate(pod, image)];
}

function removeOld(index: number): PatchOperation[] {
  return index < 0 ? [] : [{ op: "remove", path: `/spec/initContainers/${index}` }];
}

function insertFirst(pod: PodSpecAt, sidecar: JsonObject): PatchOperation[] {
  if (!Array.isArray(pod.spec["initContainers"]))
    return [{ op: "add", path: "/spec/initContainers", value: [sidecar] }];
  return [{ op: "add", path: "/spec/initContainers/0", value: sidecar }];
}

/** The sidecar's volumes; another volume under one of their names would hand it somebody else's configuration. */
function ownVolumes(pod: PodSpecAt): PatchOperation[] {
  if (!Array.isArray(pod.spec["volumes"])) return [{ op: "add", path: "/spec/volumes", value: sidecarVolumes() }];
  const existing = listOf(pod.spec["volumes"]);
  return sidecarVolumes().flatMap((value): PatchOperation[] => {
    const index = existing.findIndex((volume) => volume["name"] === value["name"]);
    const present = existing[index];
    if (present === undefined) return [{ op: "add", path: "/spec/volumes/-", value }];
    return isGenuine(value, present) ? [] : [{ op: "replace", path: `/spec/volumes/${index}`, value }];
  });
}

function annotate(pod: PodSpecAt, image: string): PatchOperation[] {
  const value = image.slice(image.lastIndexOf("@") + 1);
  if (!isObject(pod.metadata["annotations"]))
    return [{ op: "add", path: "/metadata/annotations", value: { [INJECTED_ANNOTATION]: value } }];
  return [{ op: "add", path: `/metadata/annotations/${INJECTED_ANNOTATION.replaceAll("/", "~1")}`, value }];
}

/** A container that shares the sidecar's user could read its keys, or be taken for it by traffic rules. */
function uidViolations(pod: PodSpecAt): Violation[] {
  const ofPod = userOf(pod.spec);
  return containersOf(pod).flatMap((at) => {
    const own = at.name === SIDECAR_NAME && at.list === "initContainers";
    const taken = !own && (userOf(at.container) ?? ofPod) === SIDECAR_UID;
    if (!taken) return [];
    const where = userOf(at.container) === undefined ? "spec" : at.path;
    return [
      violation("SIDECAR_UID_TAKEN", `${where}.securityContext.runAsUser`, {
        subject: `container ${at.name}`,
        found: `user ${SIDECAR_UID}, which is the sidecar's`,
        expected: "another user",
        fix: "choose another runAsUser, or opt out with outrider.dev/inject: disabled",
      }),
    ];
  });
}

function resourceViolations(pod: PodSpecAt): Violation[] {
  const annotations = annotationsOf(pod);
  return Object.keys(RESOURCE_ANNOTATIONS).flatMap((name) => {
    const value = annotations[name];
    if (value === undefined || (typeof value === "string" && QUANTITY.test(value))) return [];
    const found = JSON.stringify(value);
    return [
      violation("SIDECAR_CONFIG", `metadata.annotations["${name}"]`, {
        found,
        expected: 'a quantity such as "100m" or "64Mi"',
        fix: "correct the annotation, or remove it for the default",
      }),
    ];
  });
}

function resourcesOf(pod: PodSpecAt): SidecarResources {
  const annotations = annotationsOf(pod);
  const resources = structuredClone(DEFAULT_RESOURCES) as {
    requests: Record<string, string>;
    limits: Record<string, string>;
  };
  for (const [name, [kind, resource]] of Object.entries(RESOURCE_ANNOTATIONS)) {
    const value = annotations[name];
    if (typeof value === "string") resources[kind][resource] = value;
  }
  return resources as unknown as SidecarResources;
}

function refusal(violations: readonly Violation[]): Part {
  const [path, rule] = ["metadata", "sidecar injection"];
  return { path, about: rule, rule, mode: "enforce", decision: decide(violations, "enforce") };
}

function violation(code: string, path: string, rest: Omit<Violation, "code" | "path" | "rule">): Violation {
  return { code, path, ...rest, rule: "sidecar injection" };
}

function userOf(owner: JsonObject): number | undefined {
  const context = isObject(owner["securityContext"]) ? owner["securityContext"] : {};
  return typeof context["runAsUser"] === "number" ? context["runAsUser"] : undefined;
}

function annotationsOf(pod: PodSpecAt): JsonObject {
  return isObject(pod.metadata["annotations"]) ? pod.metadata["annotations"] : {};
}

function listOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
