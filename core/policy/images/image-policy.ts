import { CodedError, messageOf } from "../../base/errors.ts";
import { type Decision, decide, type OnUndecided, type Violation } from "../decision.ts";
import type { ImageEvidence } from "../evidence.ts";
import { complain, type ImagePlace, type Judged, violation } from "./image-judged.ts";
import type { ImagePolicy } from "./image-policy-schema.ts";
import { judgeScan } from "./image-scan.ts";
import { judgeSigners } from "./image-signers.ts";

export type { ImagePlace } from "./image-judged.ts";

/**
 * Judges one image by one policy: every violation at once, and never an allow on what could not be found out.
 *
 *   reference  is it one, and held to a digest
 *   digest     does the registry have it, and do the bytes match
 *   signers    did enough of the release authorities sign this digest
 *   scan       is it recent, and does it hold nothing that the policy refuses
 *
 * A look-up that failed makes the answer "undecided" unless a violation is certain already: then it is that denial.
 * In the modes warn and audit violations come back as a warning; `onUndecidedOf` says what undecided means there.
 *
 * @param evidence  gathered against `policy.spec.authorities`
 * @param nowMs  milliseconds since the epoch
 */
export function judgeImage(evidence: ImageEvidence, policy: ImagePolicy, place: ImagePlace, nowMs: number): Decision {
  const judged: Judged = { evidence, policy, place, nowMs };
  const violations = [...judgeReference(judged), ...judgeDigest(judged), ...judgeSigners(judged), ...judgeScan(judged)];
  const decision = decide(violations, policy.spec.mode === "enforce" ? "enforce" : "warn");
  const failed = firstFailure(judged);
  if (failed === undefined || decision.kind === "deny") return decision;
  return { kind: "undecided", where: `${place.path} ${evidence.reference}`, cause: failed };
}

/** An image that no policy covers is refused: nobody vouches for it. */
export function judgeUncovered(reference: string, { path }: ImagePlace): Decision {
  const expected = "a policy whose spec.match.images covers it";
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
export function onUndecidedOf(policy: ImagePolicy): OnUndecided {
  return policy.spec.mode === "enforce" ? "deny" : "allow-audited";
}

/** Whether a policy speaks of a namespace at all. */
export function coversNamespace(policy: ImagePolicy, namespace: string): boolean {
  return policy.spec.match.namespaces?.includes(namespace) ?? true;
}

function judgeReference(judged: Judged): Violation[] {
  const { evidence, policy, place } = judged;
  if (!policy.spec.pinDigests || place.willBePinned === true || evidence.reference.includes("@sha256:")) return [];
  const digest = evidence.digest.kind === "found" ? evidence.digest.value : "sha256:<digest>";
  const found = "a tag, which can be moved to another image";
  return [complain(judged, "IMG_NOT_PINNED", found, "a digest", `write ${evidence.reference}@${digest}`)];
}

function judgeDigest(judged: Judged): Violation[] {
  const { digest } = judged.evidence;
  if (digest.kind === "absent") return [complain(judged, "IMG_NOT_FOUND", digest.why, "an image")];
  if (digest.kind === "found") return [];
  const code = digest.cause instanceof CodedError ? digest.cause.code : "";
  if (code === "REF_INVALID") return [complain(judged, "IMG_REFERENCE_INVALID", digest.cause.message, "a reference")];
  if (code === "REGISTRY_SCHEMA_1")
    return [complain(judged, "IMG_SCHEMA_1", "a Docker schema 1 manifest", "an OCI or schema 2 manifest")];
  if (code !== "REGISTRY_DIGEST_MISMATCH") return [];
  return [complain(judged, "IMG_DIGEST_MISMATCH", digest.cause.message, "bytes that hash to the digest")];
}

/** Only what the policy asks for can leave it undecided. */
function firstFailure({ evidence, policy }: Judged): Error | undefined {
  const asked = [
    evidence.digest,
    ...(policy.spec.signatures === undefined ? [] : [evidence.signatures]),
    ...(policy.spec.scan === undefined ? [] : [evidence.scan]),
  ];
  return asked.flatMap((lookup) => (lookup.kind === "failed" ? [lookup.cause] : []))[0];
}
