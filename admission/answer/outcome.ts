import { CodedError } from "../../core/base/errors.ts";
import { admits, combine, type Decision, type Violation } from "../../core/policy/decision.ts";
import { ADMISSION_ERRORS } from "../errors.ts";
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

function toldUnknown(undecided: Undecided): Decision {
  const { fix } = ADMISSION_ERRORS.EVIDENCE_UNKNOWN;
  return { kind: "warn", violations: [{ ...unknownAs("EVIDENCE_UNKNOWN", undecided), fix }] };
}

type Undecided = Extract<Decision, { kind: "undecided" }>;

function unknownAs(code: string, { where, cause }: Undecided): Violation {
  const found = plainText(cause.message, SENTENCE_LIMIT_CHARS);
  const fix = cause instanceof CodedError ? cause.fix : "retry";
  return { code, path: where, found, expected: "an answer", fix, rule: where };
}

export function outcomeOf(verdict: Verdict): Outcome {
  const decision = combine(verdict.parts.filter(({ mode }) => mode !== "audit").map(effective));
  if (isAdmitted(verdict)) return decision.kind === "warn" ? "warn" : "allow";
  return decision.kind === "deny" ? "deny" : "undecided";
}

/** Every reason with the part it belongs to: each violation, and what kept a part from being decided. */
export function violationsOf(verdict: Verdict): readonly { readonly part: Part; readonly violation: Violation }[] {
  return verdict.parts.flatMap((part) => reasonsOf(part).map((violation) => ({ part, violation })));
}

function reasonsOf(part: Part): readonly Violation[] {
  const decision = part.decision.kind === "undecided" ? effective(part) : part.decision;
  if (decision.kind === "undecided") return [unknownAs(codeOf(decision.cause), decision)];
  return decision.kind === "allow" ? [] : decision.violations;
}

function codeOf(cause: Error): string {
  return cause instanceof CodedError ? cause.code : "INTERNAL";
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
