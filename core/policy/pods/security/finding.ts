import { shownJson } from "../../../base/shown-json.ts";
import type { POLICY_ERRORS } from "../../errors.ts";
import type { Place } from "../pod-spec.ts";
import type { PodView, Setter, Step } from "./view.ts";

export type PodSecurityCode = Extract<keyof typeof POLICY_ERRORS, `PSS_${string}`>;

/** What one check found in one pod. */
export interface Finding {
  /** The upstream library's words, by which users know a refusal: "hostPort". */
  readonly reason: string;
  /** Who and what, in those words: `container "web" uses hostPort 81`. */
  readonly detail: string;
  /** Each place that must change; `detail` is sometimes silent about a few of them. */
  readonly breaches: readonly Breach[];
}

/** Looks for what breaks one control; `undefined`, and next to no garbage, when nothing does. */
export type Check = (view: PodView) => Finding | undefined;

/** One place that breaks a check. Cheap to make: how it reads is worked out for those that are shown. */
export interface Breach {
  readonly code: PodSecurityCode;
  /** Who set it. */
  readonly setter: Setter;
  /** From the pod spec or the container to the value; or else the place itself. */
  readonly at: readonly Step[] | Place;
  readonly value: unknown;
  /** What the place belongs to, when it is no container: "volume data". */
  readonly subject?: string;
  /** Where they differ from what the value, the check or the code gives. */
  readonly found?: string;
  readonly expected?: string;
  readonly fix?: string;
}

/** How much of a value that is no text is shown. */
const FOUND_LIMIT_CHARS = 80;

/** What the place holds, with the field's name unless it is an entry of a list. */
export function foundText({ at, value, found }: Breach): string {
  if (found !== undefined) return found;
  const last = Array.isArray(at) ? at.at(-1) : undefined;
  const text = isAbsent(value) ? "absent" : shown(value);
  return typeof last === "string" ? `${last}: ${text}` : text;
}

export function subjectOf({ setter: { name }, subject }: Breach): string | undefined {
  return subject ?? (name === undefined || name === "" ? undefined : `container ${name}`);
}

export function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return isAbsent(value) ? "" : shownJson(value, FOUND_LIMIT_CHARS);
}

export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** Absent or exactly false. Anything else, also text, counts as set. */
export function isFalse(value: unknown): boolean {
  return value === undefined || value === null || value === false;
}

/** `pod and containers "a", "b"`: who the standard's sentence is about. */
export function settersText(breaches: readonly Breach[]): string {
  const containers = breaches.filter(({ setter }) => setter.name !== undefined);
  const pod = containers.length < breaches.length ? ["pod"] : [];
  return [...pod, ...(containers.length === 0 ? [] : [containersText(containers)])].join(" and ");
}

/** `container "a"` or `containers "a", "b"` */
export function containersText(breaches: readonly Breach[]): string {
  return namedText("container", containerNames(breaches));
}

/** Each container once, in the pod's order. */
export function containerNames(breaches: readonly Breach[]): string[] {
  return Array.from(new Set(breaches.map(({ setter }) => setter)), ({ name }) => name ?? "");
}

export function namedText(noun: string, names: readonly string[]): string {
  return `${plural(noun, names.length)} ${quoted(names)}`;
}

export function plural(noun: string, count: number): string {
  return count === 1 ? noun : `${noun}s`;
}

/** The verb after so many names. */
export function use(count: number): string {
  return count === 1 ? "uses" : "use";
}

export function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

/** What was set, each value once, sorted as text. */
export function valuesOf(breaches: readonly Breach[]): string[] {
  return sorted(Array.from(new Set(breaches.map(({ value }) => value)), shown));
}

/** Each text once, in the order of its code units. */
export function sorted(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
