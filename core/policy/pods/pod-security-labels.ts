import { POD_SECURITY_LEVELS, type PodSecurityLevel, type PodSecurityVersion } from "./pod-security.ts";

/** What breaking a level does: refuse, warn the author, or be written down only. */
export const POD_SECURITY_MODES = ["enforce", "warn", "audit"] as const;
export type PodSecurityMode = (typeof POD_SECURITY_MODES)[number];

export interface LevelOfLabel {
  readonly mode: PodSecurityMode;
  readonly level: PodSecurityLevel;
  readonly version: PodSecurityVersion;
}

const PREFIX = "pod-security.kubernetes.io/";

/**
 * The levels a namespace's labels ask for, one a mode, as Kubernetes' own admission reads them. A word that is no
 * level is the strictest where it is enforced, as a typing error must not open a door, and asks for nothing where it
 * would only warn. A version that is none is the newest; a version without a level asks for nothing.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces
 */
export function levelsOfLabels(labels: Readonly<Record<string, string>>): LevelOfLabel[] {
  return POD_SECURITY_MODES.flatMap((mode) => {
    const word = labels[`${PREFIX}${mode}`];
    if (word === undefined) return [];
    const level = POD_SECURITY_LEVELS.find((one) => one === word) ?? (mode === "enforce" ? "restricted" : undefined);
    return level === undefined
      ? []
      : [{ mode, level, version: podSecurityVersion(labels[`${PREFIX}${mode}-version`]) }];
  });
}

const VERSION = /^v1\.(?:0|[1-9]\d*)$/;

/** "latest" for a text that is no version, and for none. */
export function podSecurityVersion(text: string | undefined): PodSecurityVersion {
  return text !== undefined && isPodSecurityVersion(text) ? text : "latest";
}

export function isPodSecurityVersion(text: string): text is PodSecurityVersion {
  return text === "latest" || VERSION.test(text);
}
