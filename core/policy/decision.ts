/** At least one: a denial without a reason does not compile. */
export type NonEmpty<T> = readonly [T, ...T[]];

/** One broken rule at one place of one object. Everything a person needs to mend it. */
export interface Violation {
  /** Stable, one row in docs/errors.md: "IMG_UNSIGNED", "PSS_PRIVILEGED". */
  readonly code: string;
  /** JSON path in the object as a person writes it: "spec.initContainers[0].image". */
  readonly path: string;
  /** What the path holds, when it is not the finding itself: an image reference, a container's name. */
  readonly subject?: string;
  /** What was found: "no signature", "privileged: true". Lower case, no final stop. */
  readonly found: string;
  /** What the policy wanted: "one by acme-release". */
  readonly expected: string;
  /** What to do next, a command where there is one. */
  readonly fix: string;
  /** The rule that said so: "ImagePolicy production". */
  readonly rule: string;
  /** The same in a standard's own words, where the rule is one's: `hostPort (container "web" uses hostPort 81)`. */
  readonly standard?: string;
}

/** The answer about one thing. "Could not find out" is its own case, and only `admits` turns it into yes or no. */
export type Decision =
  | { readonly kind: "allow" }
  | { readonly kind: "warn"; readonly violations: NonEmpty<Violation> }
  | { readonly kind: "deny"; readonly violations: NonEmpty<Violation> }
  | { readonly kind: "undecided"; readonly where: string; readonly cause: Error };

export const ALLOW: Decision = { kind: "allow" };

/** What violations amount to under a mode; none of them is an allow. */
export function decide(violations: readonly Violation[], mode: "enforce" | "warn"): Decision {
  const [first, ...rest] = violations;
  if (first === undefined) return ALLOW;
  return { kind: mode === "enforce" ? "deny" : "warn", violations: [first, ...rest] };
}

const SEVERITY = { allow: 0, warn: 1, undecided: 2, deny: 3 } as const;

/**
 * All decisions about one object as one, the worst kind winning and every violation kept.
 * An empty list is an allow: the caller says what "nothing to judge" means before it asks.
 */
export function combine(decisions: readonly Decision[]): Decision {
  const worst = decisions.reduce<Decision>((a, b) => (SEVERITY[b.kind] > SEVERITY[a.kind] ? b : a), ALLOW);
  if (worst.kind !== "deny" && worst.kind !== "warn") return worst;
  const violations = decisions.flatMap((d) => ("violations" in d ? d.violations : []));
  return decide(violations, worst.kind === "deny" ? "enforce" : "warn");
}

/** What the operator chose for "could not find out". Fail closed unless a policy names the opposite, audited. */
export type OnUndecided = "deny" | "allow-audited";

/** The one place where "could not find out" becomes yes or no. Nothing else may read `undecided` as an answer. */
export function admits(decision: Decision, onUndecided: OnUndecided = "deny"): boolean {
  switch (decision.kind) {
    case "allow":
    case "warn":
      return true;
    case "deny":
      return false;
    case "undecided":
      return onUndecided === "allow-audited";
  }
}
