import type { Decision, Violation } from "../../core/policy/decision.ts";
import type { Part } from "../judge.ts";

/** Longest path, name or reference that is shown, and the longest sentence, in characters. */
export const NAME_LIMIT_CHARS = 512;
export const SENTENCE_LIMIT_CHARS = 4096;

/** Controls, line ends and marks that turn the direction of writing: what could make one line look like two. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Text of an object's author as one line of bounded length, so that a name cannot forge a line of the answer, of the
 * record or of a terminal.
 */
export function plainText(text: string, limitChars = NAME_LIMIT_CHARS): string {
  const cut = text.length <= limitChars ? text : `${text.slice(0, limitChars - 3)}...`;
  return cut.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A part as everybody may read it: answer, record, event and terminal. */
export function plainPart(part: Part): Part {
  const { path, about, decision } = part;
  return { ...part, path: plainText(path), about: plainText(about), decision: plainDecision(decision) };
}

function plainDecision(decision: Decision): Decision {
  switch (decision.kind) {
    case "allow":
    case "undecided":
      return decision;
    case "warn":
    case "deny": {
      const [first, ...rest] = decision.violations;
      return { ...decision, violations: [plainViolation(first), ...rest.map(plainViolation)] };
    }
  }
}

function plainViolation(violation: Violation): Violation {
  const { path, found, expected, fix, subject, standard } = violation;
  return {
    ...violation,
    path: plainText(path),
    ...(subject === undefined ? {} : { subject: plainText(subject) }),
    found: plainText(found, SENTENCE_LIMIT_CHARS),
    expected: plainText(expected, SENTENCE_LIMIT_CHARS),
    fix: plainText(fix, SENTENCE_LIMIT_CHARS),
    ...(standard === undefined ? {} : { standard: plainText(standard, SENTENCE_LIMIT_CHARS) }),
  };
}
