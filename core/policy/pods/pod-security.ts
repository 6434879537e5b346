import type { Violation } from "../decision.ts";
import { POLICY_ERRORS } from "../errors.ts";
import type { PodSpecAt } from "./pod-spec.ts";
import { type CheckRevision, NEWEST_MINOR, POD_SECURITY_CHECKS } from "./security/checks.ts";
import { type Breach, type Finding, foundText, subjectOf } from "./security/finding.ts";
import { placeOf, viewOf } from "./security/view.ts";

/** From most to least permissive. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export const POD_SECURITY_LEVELS = ["privileged", "baseline", "restricted"] as const;
export type PodSecurityLevel = (typeof POD_SECURITY_LEVELS)[number];

/** Which edition of the standard: that of a minor version of Kubernetes, or the newest known. */
export type PodSecurityVersion = "latest" | `v1.${number}`;

/** Most violations of one pod that are written out. */
export const POD_VIOLATIONS_LIMIT = 200;

/**
 * Judges one pod spec by a Pod Security level. Every violation at once, in the standard's order of checks; each carries
 * the standard's own sentence, so that it is recognised.
 *
 * Runs for every pod and level asked for; a pod that passes costs little more than one small object a container.
 *
 * @param version  a version newer than the newest known counts as that, as upstream
 * @param rule  who asks for the level: "ImagePolicy production" or the namespace's label
 * @throws {CodedError} POD_MALFORMED when a part of the spec has another shape than the API's
 */
export function judgePodSecurity(
  pod: PodSpecAt,
  level: PodSecurityLevel,
  version: PodSecurityVersion,
  rule: string,
): Violation[] {
  const findings = podSecurityFindings(pod, level, version);
  if (findings.length === 0) return [];
  const by = `Pod Security ${level}${version === "latest" ? "" : ` ${version}`} (${rule})`;
  const all = findings.flatMap((found) => {
    const words = { ...found, standard: `${found.reason} (${found.detail})` }; // one text, however many places share it
    return found.breaches.map((breach) => ({ words, breach }));
  });
  return all.slice(0, POD_VIOLATIONS_LIMIT).map(({ words, breach }) => violation(pod, words, breach, by));
}

/** A check that did not hold, in the standard's words and place by place. */
export interface PodSecurityFinding extends Finding {
  readonly expected: string;
}

/** What the standard says of a pod, check by check; empty when it is allowed. @throws {CodedError} POD_MALFORMED */
export function podSecurityFindings(
  pod: PodSpecAt,
  level: PodSecurityLevel,
  version: PodSecurityVersion,
): PodSecurityFinding[] {
  const found: PodSecurityFinding[] = [];
  const revisions = revisionsFor(level, version);
  if (revisions.length === 0) return found;
  const view = viewOf(pod);
  for (const { find, expected } of revisions) {
    const finding = find(view);
    if (finding !== undefined) found.push({ ...finding, expected });
  }
  return found;
}

function revisionsFor(level: PodSecurityLevel, version: PodSecurityVersion): readonly CheckRevision[] {
  const minor = version === "latest" ? NEWEST_MINOR : Math.min(Number(version.slice("v1.".length)), NEWEST_MINOR);
  return REVISIONS[level][minor] ?? REVISIONS[level][NEWEST_MINOR] ?? [];
}

/** The checks of every level, by minor version. */
const REVISIONS: Readonly<Record<PodSecurityLevel, readonly (readonly CheckRevision[])[]>> = {
  privileged: [],
  baseline: everyMinor((minor) => revisionsOf("baseline", minor, [])),
  restricted: everyMinor((minor) => {
    const added = POD_SECURITY_CHECKS.filter(
      ({ level, revisions }) => level === "restricted" && holds(revisions, minor),
    );
    const replaced = added.flatMap(({ replaces }) => replaces ?? []);
    return [...revisionsOf("baseline", minor, replaced), ...revisionsOf("restricted", minor, [])];
  }),
};

function everyMinor<T>(make: (minor: number) => T): T[] {
  return Array.from({ length: NEWEST_MINOR + 1 }, (_, minor) => make(minor));
}

function revisionsOf(level: "baseline" | "restricted", minor: number, without: readonly string[]): CheckRevision[] {
  return POD_SECURITY_CHECKS.filter((check) => check.level === level && !without.includes(check.id)).flatMap(
    ({ revisions }) => revisions.findLast(({ since }) => since <= minor) ?? [],
  );
}

function holds([first]: readonly CheckRevision[], minor: number): boolean {
  return first !== undefined && first.since <= minor;
}

type Words = Pick<PodSecurityFinding, "expected"> & { readonly standard: string };

function violation(pod: PodSpecAt, { standard, expected }: Words, breach: Breach, rule: string): Violation {
  const { code, at, setter } = breach;
  const subject = subjectOf(breach);
  return {
    code,
    path: ("path" in at ? at : placeOf(pod, setter, at)).path,
    ...(subject === undefined ? {} : { subject }),
    found: foundText(breach),
    expected: breach.expected ?? expected,
    fix: breach.fix ?? POLICY_ERRORS[code].fix,
    rule,
    standard,
  };
}
