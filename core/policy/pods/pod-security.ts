import type { Violation } from "../decision.ts";
import { BASELINE_CHECKS } from "./pod-security-baseline.ts";
import type { Breach, PodSecurityCheck } from "./pod-security-check.ts";
import { RESTRICTED_CHECKS } from "./pod-security-restricted.ts";
import type { PodSpecAt } from "./pod-spec.ts";

/** From most to least permissive. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export const POD_SECURITY_LEVELS = ["privileged", "baseline", "restricted"] as const;
export type PodSecurityLevel = (typeof POD_SECURITY_LEVELS)[number];

/** The namespace label that Kubernetes' own admission reads. */
export const POD_SECURITY_ENFORCE_LABEL = "pod-security.kubernetes.io/enforce";

const CHECKS: Readonly<Record<PodSecurityLevel, readonly PodSecurityCheck[]>> = {
  privileged: [],
  baseline: BASELINE_CHECKS,
  restricted: [...BASELINE_CHECKS, ...RESTRICTED_CHECKS],
};

/**
 * Judges one pod spec by a Pod Security level, as Kubernetes v1.34 states it. Every violation at once, in the standard's order of checks.
 *
 * @param rule  who asks for the level: "ImagePolicy production" or the namespace's label
 * @throws {CodedError} POD_MALFORMED when a part of the spec has another shape than the API's
 */
export function judgePodSecurity(pod: PodSpecAt, level: PodSecurityLevel, rule: string): Violation[] {
  return CHECKS[level].flatMap((check) => check.breaches(pod).map((breach) => violation(check, breach, rule)));
}

/** The stricter of several levels; `undefined` entries ask for nothing. */
export function strictestLevel(levels: readonly (PodSecurityLevel | undefined)[]): PodSecurityLevel {
  const ranks = levels.map((level) => (level === undefined ? 0 : POD_SECURITY_LEVELS.indexOf(level)));
  return POD_SECURITY_LEVELS[Math.max(0, ...ranks)] ?? "restricted";
}

/** The level a namespace's labels ask for; an unknown word counts as the strictest, as a typing error must not open a door. */
export function levelOfLabels(labels: Readonly<Record<string, string>>): PodSecurityLevel | undefined {
  const word = labels[POD_SECURITY_ENFORCE_LABEL];
  if (word === undefined) return undefined;
  return POD_SECURITY_LEVELS.find((level) => level === word) ?? "restricted";
}

function violation(check: PodSecurityCheck, breach: Breach, rule: string): Violation {
  return {
    code: check.code,
    path: breach.path,
    ...(breach.subject === undefined || breach.subject === "" ? {} : { subject: breach.subject }),
    found: breach.found,
    expected: check.expected,
    fix: breach.fix ?? check.fix,
    rule: `Pod Security ${check.level} (${rule})`,
  };
}
