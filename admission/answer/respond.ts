import { asError } from "../../core/base/errors.ts";
import type { Admissible } from "../../core/policy/admissible.ts";
import { extractNothing } from "../containers.ts";
import { admissionOf, type Verdict } from "../judge.ts";
import type { PatchOperation } from "../pin.ts";
import type { ReviewRequest, ReviewResponse } from "../review.ts";
import { NO_RULES } from "../rules.ts";
import { violationsOf } from "./outcome.ts";
import { plainText } from "./plain-text.ts";
import { evidenceLines, headLine, renderVerdict, warningLines } from "./render.ts";

/** Most warnings of one answer, and the longest, in characters. @see k8s.io/api/admission/v1 AdmissionResponse.Warnings */
export const WARNINGS_LIMIT = 32;
export const WARNING_LIMIT_CHARS = 250;
/** Longest list of grounds or violations in an audit annotation, in characters. */
export const GROUNDS_LIMIT_CHARS = 4096;
/** Most audit annotations of one answer. */
export const AUDIT_ANNOTATIONS_LIMIT = 64;

/** The one place that turns an error into an answer: what could not be judged is refused, and says why. */
export function refuse(request: ReviewRequest, thrown: unknown): Verdict {
  const subject = extractNothing(request);
  const decision = { kind: "undecided", where: subject.name, cause: asError(thrown) } as const;
  const part = { path: "", about: "the object", rule: "the gate", mode: "enforce", decision } as const;
  return { subject, rules: NO_RULES, parts: [part] };
}

/** A verdict as the API server takes it; the whole explanation is in `status.message`. */
export function respond(
  uid: string,
  verdict: Verdict,
  operations: readonly PatchOperation[] = [],
  warnings: readonly string[] = [],
): ReviewResponse {
  const leave = admissionOf(verdict);
  const all = [...warnings, ...warningLines(verdict)].slice(0, WARNINGS_LIMIT).map(shorten);
  return {
    uid,
    ...(leave === undefined
      ? { allowed: false, status: refusalStatus(renderVerdict(verdict)) }
      : { ...allowedBy(leave), ...patchOf(operations) }),
    ...(all.length > 0 ? { warnings: all } : {}),
    auditAnnotations: { ...auditAnnotations(verdict), ...(leave === undefined ? {} : groundsAnnotation(leave)) },
  };
}

/** An object is allowed by leave alone, and only `admissibleBy` gives it. */
function allowedBy(_leave: Admissible): Pick<ReviewResponse, "allowed"> {
  return { allowed: true };
}

/** On what grounds each new image runs: "/spec/containers/0/image: evidence (ImagePolicy production)". */
function groundsAnnotation({ grounds }: Admissible): Record<string, string> {
  const lines = [...grounds].map(
    ([image, by]) => `${plainText(image)}: ${by.map((one) => `${one.kind} (${one.by})`).join(", ")}`,
  );
  return lines.length === 0 ? {} : { grounds: lines.join("; ").slice(0, GROUNDS_LIMIT_CHARS) };
}

/** What /mutate says of an object that /validate is going to refuse. */
export function respondLeft(uid: string, operations: readonly PatchOperation[]): ReviewResponse {
  return { uid, allowed: true, ...patchOf(operations) };
}

/** A refusal that has no verdict, because the review itself could not be read. */
export function refusalResponse(uid: string, message: string): ReviewResponse {
  return { uid, allowed: false, status: refusalStatus(message) };
}

function refusalStatus(message: string): NonNullable<ReviewResponse["status"]> {
  return { status: "Failure", code: 403, reason: "Forbidden", message };
}

function auditAnnotations(verdict: Verdict): Record<string, string> {
  const lines = evidenceLines(verdict).slice(0, AUDIT_ANNOTATIONS_LIMIT - 3);
  const images = lines.map((line, index) => [`image-${index}`, line]);
  return Object.fromEntries([["verdict", headLine(verdict)], ...violationsAnnotation(verdict), ...images]);
}

/** Above all what a policy in the mode audit found, which nobody else is told. */
function violationsAnnotation(verdict: Verdict): [string, string][] {
  const found = violationsOf(verdict).map(
    ({ part, violation: { code, path } }) => `${code} at ${path} (${part.rule}, ${part.mode})`,
  );
  return found.length === 0 ? [] : [["violations", found.join("; ").slice(0, GROUNDS_LIMIT_CHARS)]];
}

function patchOf(operations: readonly PatchOperation[]): Pick<ReviewResponse, "patchType" | "patch"> {
  if (operations.length === 0) return {};
  return { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(operations)).toString("base64") };
}

function shorten(text: string): string {
  return text.length <= WARNING_LIMIT_CHARS ? text : `${text.slice(0, WARNING_LIMIT_CHARS - 3)}...`;
}
