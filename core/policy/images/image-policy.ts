import { CodedError, messageOf } from "../../base/errors.ts";
import type { Grounds } from "../admissible.ts";
import { type Decision, decide, type NonEmpty, type OnUndecided, type Violation } from "../decision.ts";
import { POLICY_ERRORS } from "../errors.ts";
import type { ImageEvidence } from "../evidence.ts";
import { judgeApprovals } from "./image-approvals.ts";
import { judgeAttestations } from "./image-attestations.ts";
import {
  broken,
  complain,
  digestOf,
  type ImageCode,
  type ImagePlace,
  type Judged,
  type Ruling,
  SILENT,
  together,
  violation,
} from "./image-judged.ts";
import { judgeDenied, judgeVersions, writtenDigest } from "./image-refused.ts";
import { judgeScan } from "./image-scan.ts";
import { judgeSigners } from "./image-signers.ts";
import type { ImagePolicy } from "./schema/image-policy-schema.ts";

export type { ImagePlace } from "./image-judged.ts";

/** What one policy says of one image, and on what grounds where that is not a no. */
export interface ImageJudgement {
  readonly decision: Decision;
  readonly grounds?: Grounds;
}

/**
 * Judges one image by one policy: every violation at once, and never an allow on what could not be found out.
 *
 *   denied        is it on the policy's own list of unwanted images
 *   reference     is it one, and held to a digest
 *   digest        does the registry have it, and do the bytes match
 *   versions      does its tag name a version that is new enough
 *   signers       did enough of the release authorities sign this digest, recently enough
 *   attestations  was of this digest attested what must be, by those who may
 *   approvals     did enough others approve this digest
 *   scan          is it recent, and does it hold nothing that the policy refuses
 *
 * A demand that no evidence answers makes the result "undecided" unless a violation is certain already: then it is that
 * denial. In the modes warn and audit violations come back as a warning; `onUndecidedOf` says what undecided means there.
 *
 * @param evidence  gathered against `policy.spec.authorities`
 * @param nowMs  milliseconds since the epoch
 */
export function judgeImage(
  evidence: ImageEvidence,
  policy: ImagePolicy,
  place: ImagePlace,
  nowMs: number,
): ImageJudgement {
  const judged: Judged = { evidence, policy, place, nowMs };
  const before = [judgeDenied, judgeReference, judgeDigest, judgeVersions].map((rule) => rule(judged));
  const demands = demandsOf(policy).map((rule) => rule(judged));
  const ruling = together([...before, ...demands]);
  const decision = decisionOf(judged, ruling, demands);
  const grounds = groundsFor(judged, ruling, demands, decision);
  return { decision, ...(grounds === undefined ? {} : { grounds }) };
}

/** An image that no policy covers is refused: nobody vouches for it. */
export function judgeUncovered(reference: string, { path }: ImagePlace): Decision {
  const expected = "a policy whose spec.match covers it";
  return decide(
    [violation("IMG_NO_POLICY", { path, subject: reference, rule: "the gate", found: "no policy", expected })],
    "enforce",
  );
}

/** What is written where an image belongs and is no reference at all. */
export function judgeInvalidReference(text: string, cause: unknown, { path }: ImagePlace): Decision {
  const found = messageOf(cause);
  const expected = "host/repository[:tag][@sha256:digest]";
  return decide(
    [violation("IMG_REFERENCE_INVALID", { path, subject: text, rule: "the gate", found, expected })],
    "enforce",
  );
}

/** A policy that only warns never stops a pod, so neither does an answer it could not find. */
export function onUndecidedOf({ spec }: ImagePolicy): OnUndecided {
  return spec.mode === "enforce" ? spec.onUndecided : "allow-audited";
}

/** What could not be found out because nobody looked. */
export function notGathered(what: string): CodedError {
  return new CodedError("IMG_NOT_GATHERED", `${what}: evidence was not gathered`, POLICY_ERRORS.IMG_NOT_GATHERED.fix);
}

/** The rules that only evidence can meet: each must be answered, or there is no yes. */
function demandsOf({ spec }: ImagePolicy): ((judged: Judged) => Ruling)[] {
  return [
    ...(spec.signatures === undefined ? [] : [judgeSigners]),
    ...(spec.attestations.length === 0 ? [] : [judgeAttestations]),
    ...(spec.approvals === undefined ? [] : [judgeApprovals]),
    ...(spec.scan === undefined ? [] : [judgeScan]),
  ];
}

function decisionOf(judged: Judged, { violations, excused }: Ruling, demands: readonly Ruling[]): Decision {
  const { evidence, policy, place } = judged;
  const decision = decide(violations, policy.spec.mode === "enforce" ? "enforce" : "warn");
  const unread = violations.length > 0 && violations.every(isShortfall) ? evidence.incomplete : undefined;
  if (decision.kind === "deny" && unread === undefined) return decision;
  const isOpen = evidence.digest.kind === "failed" || demands.some(isUnanswered);
  const cause = unread ?? (isOpen ? firstFailure(judged) : undefined);
  if (cause !== undefined) return { kind: "undecided", where: `${place.path} ${evidence.reference}`, cause };
  return decide([...violations, ...excused], "warn");
}

/** What something that could not be read may yet mend; anything else is certain. */
const SHORTFALLS: ReadonlySet<string> = new Set([
  "IMG_UNSIGNED",
  "IMG_UNTRUSTED_SIGNER",
  "IMG_SIGNERS_MISSING",
  "IMG_SIGNATURE_STALE",
  "IMG_TIME_UNKNOWN",
  "IMG_UNATTESTED",
  "IMG_UNTRUSTED_ATTESTER",
  "IMG_ATTESTERS_MISSING",
  "IMG_ATTESTATION_STALE",
  "IMG_UNAPPROVED",
  "IMG_UNSCANNED",
  "IMG_SCAN_STALE",
] satisfies ImageCode[]);

function isShortfall({ code }: Violation): boolean {
  return SHORTFALLS.has(code);
}

function isUnanswered({ violations, excused, proofs }: Ruling): boolean {
  return violations.length + excused.length + proofs.length === 0;
}

/** The look-up that failed, of those that the policy asks for. */
function firstFailure({ evidence, policy: { spec }, place }: Judged): Error {
  const asked = [
    evidence.digest,
    ...(spec.signatures === undefined && spec.approvals === undefined ? [] : [evidence.signatures]),
    ...(spec.attestations.length === 0 && spec.approvals === undefined ? [] : [evidence.attestations]),
    ...(spec.scan === undefined ? [] : [evidence.scan]),
  ];
  const [cause] = asked.flatMap((lookup) => (lookup?.kind === "failed" ? [lookup.cause] : []));
  return cause ?? notGathered(place.path);
}

function groundsFor(
  judged: Judged,
  { proofs: [first, ...rest] }: Ruling,
  demands: readonly Ruling[],
  decision: Decision,
): Grounds | undefined {
  const by = `ImagePolicy ${judged.policy.metadata.name}`;
  const digest = digestOf(judged);
  if (decision.kind === "deny") return undefined;
  if (judged.policy.spec.mode !== "enforce") return { kind: "advised", by };
  if (decision.kind === "undecided") {
    return onUndecidedOf(judged.policy) === "deny" ? undefined : { kind: "audited", by, cause: decision.cause };
  }
  if (demands.length === 0) return { kind: "configured", by };
  if (digest === undefined) return undefined;
  const proofs: NonEmpty<NonNullable<typeof first>> | undefined = first === undefined ? undefined : [first, ...rest];
  return proofs === undefined ? { kind: "running", by, digest } : { kind: "evidence", by, digest, proofs };
}

function judgeReference(judged: Judged): Ruling {
  const { evidence, policy, place } = judged;
  if (!policy.spec.pinDigests || place.willBePinned === true || writtenDigest(judged) !== undefined) return SILENT;
  const digest = digestOf(judged) ?? "sha256:<digest>";
  const found = "a tag, which can be moved to another image";
  return broken(complain(judged, "IMG_NOT_PINNED", found, "a digest", `write ${evidence.reference}@${digest}`));
}

function judgeDigest(judged: Judged): Ruling {
  const violation = digestViolation(judged);
  return violation === undefined ? SILENT : broken(violation);
}

function digestViolation(judged: Judged): Violation | undefined {
  const { digest } = judged.evidence;
  const written = writtenDigest(judged);
  if (digest.kind === "absent") return complain(judged, "IMG_NOT_FOUND", digest.why, "an image");
  if (digest.kind === "found") {
    if (written === undefined || written === digest.value) return undefined;
    return complain(judged, "IMG_DIGEST_MISMATCH", `evidence about ${digest.value}`, `evidence about ${written}`);
  }
  const code = digest.cause instanceof CodedError ? digest.cause.code : "";
  if (code === "REF_INVALID") return complain(judged, "IMG_REFERENCE_INVALID", digest.cause.message, "a reference");
  if (code === "REGISTRY_SCHEMA_1")
    return complain(judged, "IMG_SCHEMA_1", "a Docker schema 1 manifest", "an OCI or schema 2 manifest");
  if (code !== "REGISTRY_DIGEST_MISMATCH") return undefined;
  return complain(judged, "IMG_DIGEST_MISMATCH", digest.cause.message, "bytes that hash to the digest");
}
