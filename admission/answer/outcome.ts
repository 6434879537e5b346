import { admits, combine, type Decision, type Violation } from "../../core/policy/decision.ts";
import { isAdmitted, type Part, undecidedMeans, type Verdict } from "../judge.ts";
import { plainText, SENTENCE_LIMIT_CHARS } from "./plain-text.ts";

/** The verdict in one word, as metrics and the decision log carry it. */
export type Outcome = "allow" | "warn" | "deny" | "undecided";

/**
 * What one part amounts to under its mode: audited and warned rules never refuse, and show what they found. What could
 * not be found out and is let pass shows too.
 */
export function effective(part: Part): Decision {
  const { decision, mode } = part;
  if (decision.kind === "undecided") return admits(decision, undecidedMeans(part)) ? toldUnknown(decision) : decision;
  if (mode === "enforce" || decision.kind === "allow") return decision;
  return { kind: "warn", violations: decision.violations };
}

function toldUnknown({ where, cause }: Extract<Decision, { kind: "undecided" }>): Decision {
  const violation = {
    code: "EVIDENCE_UNKNOWN",
    path: where,
    found: plainText(cause.message, SENTENCE_LIMIT_CHARS),
    expected: "an answer",
    fix: "retry",
    rule: where,
  };
  return { kind: "warn", violations: [violation] };
}

export function outcomeOf(verdict: Verdict): Outcome {
  const decision = combine(verdict.parts.filter(({ mode }) => mode !== "audit").map(effective));
  if (isAdmitted(verdict)) return decision.kind === "warn" ? "warn" : "allow";
  return decision.kind === "deny" ? "deny" : "undecided";
}

/** Every violation with the part it belongs to. */
export function violationsOf(verdict: Verdict): readonly { readonly part: Part; readonly violation: Violation }[] {
  return verdict.parts.flatMap((part) => {
    const { decision } = part;
    return "violations" in decision ? decision.violations.map((violation) => ({ part, violation })) : [];
  });
}

/** The word a table shows: "admitted", "refused", "warned". */
export function outcomeWord(outcome: Outcome): "admitted" | "warned" | "refused" {
  switch (outcome) {
    case "allow":
      return "admitted";
    case "warn":
      return "warned";
    case "deny":
    case "undecided":
      return "refused";
  }
}
