import {
  POD_SECURITY_LEVELS,
  type PodSecurityLevel,
  type PodSecurityVersion,
} from "../core/policy/pods/pod-security.ts";
import { levelsOfLabels } from "../core/policy/pods/pod-security-labels.ts";

/** A Pod Security level that somebody asks for. */
export interface LevelRule {
  readonly level: PodSecurityLevel;
  readonly version: PodSecurityVersion;
  /** "ImagePolicy production", "Namespace shop" */
  readonly rule: string;
  readonly mode: "enforce" | "warn" | "audit";
}

/** The levels that a namespace's labels ask for. They hold for templates too, so that their author hears of it early. */
export function levelsOfNamespace(labels: Readonly<Record<string, string>>, namespace: string): LevelRule[] {
  return levelsOfLabels(labels).map((asked) => ({ ...asked, rule: `Namespace ${namespace}` }));
}

const RANK = { enforce: 0, warn: 1, audit: 2 } as const;

/**
 * The levels that say something another one does not: enforced ones first, each without those that a firmer or
 * stricter one of the same version includes. Levels of different versions do not include each other.
 */
export function tellingLevels(asked: readonly LevelRule[]): LevelRule[] {
  const firmestFirst = asked.toSorted((a, b) => RANK[a.mode] - RANK[b.mode] || strictness(b) - strictness(a));
  const telling: LevelRule[] = [];
  for (const rule of firmestFirst) {
    if (strictness(rule) > 0 && !telling.some((other) => includes(other, rule))) telling.push(rule);
  }
  return telling;
}

function includes(one: LevelRule, other: LevelRule): boolean {
  return one.version === other.version && strictness(one) >= strictness(other);
}

function strictness({ level }: LevelRule): number {
  return POD_SECURITY_LEVELS.indexOf(level);
}
