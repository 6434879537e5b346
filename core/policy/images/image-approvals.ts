import type { Attestation, Verified } from "../evidence.ts";
import { attestationsOf } from "./image-attestations.ts";
import { broken, complain, digestOf, type Judged, met, pinnedName, type Ruling, SILENT } from "./image-judged.ts";
import { agedText, expectedOf, namesOf, olderThan } from "./image-words.ts";
import { tally } from "./quorum.ts";
import { claimantsOf } from "./schema/predicate-types.ts";

/**
 * Whether enough approvers approved this digest, none of whom made it: an approval by an identity that also signed the
 * image or attested its build does not count, whatever authority it comes through.
 */
export function judgeApprovals(judged: Judged): Ruling {
  const { evidence, policy, nowMs } = judged;
  const rule = policy.spec.approvals;
  const isKnown = [evidence.attestations, evidence.signatures].every(
    (one) => one !== undefined && one.kind !== "failed",
  );
  if (rule === undefined || digestOf(judged) === undefined || !isKnown) return SILENT;
  const { require, by, predicateType, maxAge: maxAgeMs } = rule;
  const of = claimantsOf({ predicateType, role: "approver", by }, policy.spec.authorities);
  const approvals = attestationsOf(judged, [predicateType]).filter(({ role }) => role === "approver");
  const makers = makersOf(judged);
  const own = approvals.filter(({ identity }) => identity !== undefined && makers.has(identity));
  const others = approvals.filter((one) => !own.includes(one));
  const counted = tally(others, { of, require, maxAgeMs }, nowMs);
  if (counted.met) return met(counted.counted);
  const expected = `an approval, ${expectedOf(require, of)}${olderThan(maxAgeMs)}`;
  if (own.length > 0) {
    const found = `an approval by ${own[0]?.identity ?? "an identity"}, who made the image`;
    return broken(complain(judged, "IMG_SELF_APPROVED", found, `${expected}, none of whom made the image`));
  }
  return broken(complain(judged, "IMG_UNAPPROVED", shortOf(judged, counted), expected, approveCommand(judged)));
}

/** Identities that signed the image or attested how it was built. */
function makersOf({ evidence: { signatures, attestations } }: Judged): ReadonlySet<string> {
  const signers = signatures.kind === "found" ? signatures.value : [];
  const builders = attestations?.kind === "found" ? attestations.value.filter(({ role }) => role !== "approver") : [];
  return new Set([...signers, ...builders].flatMap(({ identity }) => identity ?? []));
}

function shortOf(judged: Judged, { counted, stale, undated }: ReturnType<typeof tally<Verified<Attestation>>>): string {
  const [old] = stale;
  if (counted.length > 0) return `approved by ${namesOf(counted)} only`;
  if (old !== undefined) return `one by ${old.signer}, ${agedText(old, judged.nowMs)}`;
  if (undated.length > 0) return `one by ${namesOf(undated)} at a time that nobody vouches for`;
  return "none";
}

function approveCommand(judged: Judged): string {
  const type = judged.policy.spec.approvals?.predicateType ?? "";
  return `an approver runs: cosign attest --type ${type} --predicate <file> ${pinnedName(judged)}`;
}
