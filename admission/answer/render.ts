import { CodedError, messageOf } from "../../core/base/errors.ts";
import type { Decision, Violation } from "../../core/policy/decision.ts";
import type { Part, Verdict } from "../judge.ts";
import { effective, outcomeOf, outcomeWord } from "./outcome.ts";
import { plainText, SENTENCE_LIMIT_CHARS } from "./plain-text.ts";

/** Longest text of one verdict, in characters; etcd and terminals have limits, too. */
export const VERDICT_TEXT_LIMIT = 64 * 1024;

const RANK = { deny: 0, undecided: 1, warn: 2, allow: 3 } as const;
const INDENT = " ".repeat(12);

/**
 * A verdict as people read it: the answer first, the worst first, every violation with its fix.
 *
 *   refused  Pod shop/checkout  (1 of 2 images pass)
 *
 *     deny       spec.initContainers[0].image  ghcr.io/acme/migrate@sha256:77ab
 *               IMG_UNSIGNED: found no signature, expected one by acme-release
 *               fix: cosign sign ghcr.io/acme/migrate@sha256:77ab
 */
export function renderVerdict(verdict: Verdict): string {
  if (verdict.unjudged !== undefined) return headLine(verdict);
  const parts = shownParts(verdict);
  const width = Math.max(0, ...parts.map(({ path }) => path.length));
  const text = [headLine(verdict), "", ...parts.map((part) => renderPart(part, width))].join("\n");
  return text.length <= VERDICT_TEXT_LIMIT ? text : `${text.slice(0, VERDICT_TEXT_LIMIT)}\n  ... and more`;
}

/** The answer in one line. */
export function headLine(verdict: Verdict): string {
  const { subject, unjudged } = verdict;
  const why = unjudged === undefined ? countOf(verdict) : `not judged: ${unjudged}`;
  return `${outcomeWord(outcomeOf(verdict))}  ${subject.name}  (${why})`;
}

/** One line per image and evidence: for the record, and for people who watch. */
export function evidenceLines(verdict: Verdict): string[] {
  return verdict.parts.flatMap((part) => {
    const text = factsText(part);
    return text === undefined ? [] : [`${part.path} ${part.about}: ${text}`];
  });
}

/** One line per violation that did not refuse: what a warning of the API server shows. */
export function warningLines(verdict: Verdict): string[] {
  return verdict.parts.flatMap((part) => {
    if (part.mode === "audit") return [];
    const decision = effective(part);
    return decision.kind === "warn"
      ? decision.violations.map((violation) => `${violation.path}: ${violationText(violation)}; fix: ${violation.fix}`)
      : [];
  });
}

/** Images always; levels and rules only when they found something. */
function shownParts(verdict: Verdict): Part[] {
  const shown = verdict.parts.filter(({ facts, decision }) => facts !== undefined || decision.kind !== "allow");
  return shown.toSorted((a, b) => RANK[effective(a).kind] - RANK[effective(b).kind]);
}

function countOf({ parts, rules }: Verdict): string {
  const failing = new Set(parts.filter((part) => blocks(effective(part))).map(({ path }) => path));
  const passing = rules.images.filter(({ image }) => !failing.has(plainText(image.path))).length;
  const total = rules.images.length;
  return total === 0 ? "no new image" : `${passing} of ${total} ${total === 1 ? "image passes" : "images pass"}`;
}

function blocks(decision: Decision): boolean {
  switch (decision.kind) {
    case "allow":
    case "warn":
      return false;
    case "deny":
    case "undecided":
      return true;
  }
}

function renderPart(part: Part, width: number): string {
  const decision = effective(part);
  const facts = factsText(part);
  const line = `  ${decision.kind.padEnd(9)} ${part.path.padEnd(width)}  ${part.about}`.trimEnd();
  return [line, ...detailLines(decision, part), ...(facts === undefined ? [] : [`${INDENT}${facts}`])].join("\n");
}

function detailLines(decision: Decision, part: Part): string[] {
  switch (decision.kind) {
    case "allow":
      return [];
    case "warn":
    case "deny":
      return [
        ...decision.violations.flatMap((violation) => violationLines(violation, part)),
        ...standardLines(decision.violations),
      ];
    case "undecided":
      return [`${INDENT}${causeText(decision.cause)}`, `${INDENT}fix: ${fixOf(decision.cause)}`];
  }
}

function violationLines(violation: Violation, part: Part): string[] {
  const where = violation.path === part.path || violation.path === "" ? "" : `${violation.path}: `;
  const what = violation.subject === undefined || violation.subject === part.about ? "" : ` (${violation.subject})`;
  return [
    `${INDENT}${violationText(violation, where)}${what}`,
    `${INDENT}fix: ${violation.fix}`,
    `${INDENT}rule: ${violation.rule}`,
  ];
}

/** The same in the words of the standard, once for all the places that one of its sentences is about. */
function standardLines(violations: readonly Violation[]): string[] {
  const sentences = new Set(violations.flatMap(({ standard }) => standard ?? []));
  return sentences.size === 0 ? [] : [`${INDENT}in the standard's words: ${[...sentences].join(", ")}`];
}

function violationText({ code, found, expected }: Violation, where = ""): string {
  return `${code}: ${where}found ${found}, expected ${expected}`;
}

function factsText({ facts }: Part): string | undefined {
  return facts === undefined ? undefined : `${facts.signed}; ${facts.scan}`;
}

/** Some errors say themselves what they expected; what merely went wrong stood in for an answer. */
function causeText(cause: Error): string {
  const code = cause instanceof CodedError ? cause.code : "INTERNAL";
  const message = plainText(messageOf(cause), SENTENCE_LIMIT_CHARS);
  return /\bexpected\b/.test(message) ? `${code}: ${message}` : `${code}: found no answer (${message}), expected one`;
}

function fixOf(cause: Error): string {
  return cause instanceof CodedError ? cause.fix : "retry; if it stays, report it with the gate's log";
}
