import {
  type ContainerAt,
  containersOf,
  field,
  type JsonObject,
  objectAt,
  type Place,
  type PodSpecAt,
  textOf,
} from "./pod-spec.ts";

/** One control of the Pod Security Standards. */
export interface PodSecurityCheck {
  /** Stable, one row in docs/errors.md. */
  readonly code: string;
  readonly level: "baseline" | "restricted";
  /** What the standard wants, after "expected". */
  readonly expected: string;
  readonly fix: string;
  breaches(pod: PodSpecAt): Breach[];
}

/** One place that breaks a control. */
export interface Breach {
  readonly path: string;
  /** The container or volume. */
  readonly subject?: string;
  readonly found: string;
  readonly fix?: string;
}

/** A securityContext of a pod or of one of its containers, with where it is. */
export interface SecurityContextAt extends Place {
  readonly context: JsonObject;
  /** The container; `undefined` for the pod's own. */
  readonly container?: ContainerAt;
}

/** The pod's securityContext, then each container's: missing ones are `{}`. */
export function securityContextsOf(pod: PodSpecAt): SecurityContextAt[] {
  return [podContextOf(pod), ...containerContextsOf(pod)];
}

export function podContextOf(pod: PodSpecAt): SecurityContextAt {
  const place = field(pod, "securityContext");
  return { ...place, context: objectAt(pod.spec["securityContext"], place) };
}

export function containerContextsOf(pod: PodSpecAt): SecurityContextAt[] {
  return containersOf(pod).map((container) => {
    const place = field(container, "securityContext");
    return { ...place, context: objectAt(container.container["securityContext"], place), container };
  });
}

/** An object inside a securityContext: `seccompProfile`, `windowsOptions`. */
export function partOf(at: SecurityContextAt, name: string): { readonly place: Place; readonly value: JsonObject } {
  const place = field(at, name);
  return { place, value: objectAt(at.context[name], place) };
}

/** A breach in a container or the pod itself. `found` shows the last field's name and its value. */
export function breachAt(place: Place, value: unknown, container?: ContainerAt): Breach {
  const name = place.path.slice(place.path.lastIndexOf(".") + 1);
  return {
    path: place.path,
    found: `${name}: ${shown(value)}`,
    ...(container === undefined ? {} : { subject: subjectOf(container) }),
  };
}

export function subjectOf(container: ContainerAt): string {
  return container.name === "" ? "" : `container ${container.name}`;
}

/** Absent or exactly false. Anything else, also text, counts as set. */
export function isFalse(value: unknown): boolean {
  return value === undefined || value === null || value === false;
}

export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Absent, or one of the allowed texts. */
export function isOneOf(value: unknown, allowed: readonly string[]): boolean {
  return isAbsent(value) || (typeof value === "string" && allowed.includes(value));
}

/** Whether `spec.os.name` says the pod runs on Windows, where Linux-only controls do not apply. */
export function isWindows(pod: PodSpecAt): boolean {
  return textOf(objectAt(pod.spec["os"], field(pod, "os"))["name"]) === "windows";
}

/** A pod with its own user namespace: root inside it is nobody outside. @see KEP-127 */
export function hasUserNamespace(pod: PodSpecAt): boolean {
  return pod.spec["hostUsers"] === false;
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
