import type { Violation } from "../decision.ts";
import type { Attestation, Verified } from "../evidence.ts";
import {
  broken,
  complain,
  digestOf,
  type Judged,
  met,
  pinnedName,
  type Ruling,
  SILENT,
  together,
} from "./image-judged.ts";
import { agedText, expectedOf, namesOf, olderThan } from "./image-words.ts";
import { type Tally, tally } from "./quorum.ts";
import type { ImagePolicySpec } from "./schema/image-policy-schema.ts";
import { claimantsOf, predicateTypesOf } from "./schema/predicate-types.ts";

type AttestationRule = ImagePolicySpec["attestations"][number];

/** Whether everything that the policy wants attested of this digest is, by those who may say so. */
export function judgeAttestations(judged: Judged): Ruling {
  return together(judged.policy.spec.attestations.map((rule) => judgeAttestation(judged, rule)));
}

function judgeAttestation(judged: Judged, rule: AttestationRule): Ruling {
  const { evidence, policy, nowMs } = judged;
  const isKnown = evidence.attestations !== undefined && evidence.attestations.kind !== "failed";
  if (digestOf(judged) === undefined || !isKnown) return SILENT;
  const of = claimantsOf(rule, policy.spec.authorities);
  const ofType = attestationsOf(judged, predicateTypesOf(rule.predicateType));
  const theirs = ofType.filter((one) => of.some(({ name, role }) => name === one.signer && role === one.role));
  const { require, maxAge: maxAgeMs } = rule;
  const counted = tally(
    theirs.map((one) => dated(one, judged)),
    { of, require, maxAgeMs },
    nowMs,
  );
  if (counted.met) return met(counted.counted);
  const expected = `an attestation of type ${rule.predicateType}, ${expectedOf(require, of)}${olderThan(maxAgeMs)}`;
  return broken(shortfall(judged, rule, expected, counted, ofType));
}

/** Attestations of this digest, of any of these predicate types. */
export function attestationsOf(judged: Judged, types: readonly string[]): readonly Verified<Attestation>[] {
  const { attestations } = judged.evidence;
  if (attestations?.kind !== "found") return [];
  return attestations.value.filter((one) => one.digest === digestOf(judged) && types.includes(one.predicateType));
}

/**
 * A scan's attestation by a key has no time but the one that its scanner vouches for: when the scan ended. Every other
 * statement's own word on its time counts for nothing.
 */
function dated(one: Verified<Attestation>, { evidence }: Judged): Verified<Attestation> {
  const { scan } = evidence;
  const isScan = predicateTypesOf("vuln").includes(one.predicateType) && one.role === "scanner";
  if (one.signedAtMs !== undefined || !isScan || scan.kind !== "found") return one;
  const isThisOne = scan.value.digest === one.digest && scan.value.source === `attestation by ${one.signer}`;
  return isThisOne ? { ...one, signedAtMs: scan.value.finishedAtMs } : one;
}

/** Why the claims do not reach the threshold: the nearest miss speaks. */
function shortfall(
  judged: Judged,
  rule: AttestationRule,
  expected: string,
  { counted, stale, undated }: Tally<Verified<Attestation>>,
  ofType: readonly Verified<Attestation>[],
): Violation {
  const [old] = stale;
  const [stranger] = ofType;
  const fix = `cosign attest --type ${rule.predicateType} --predicate <file> ${pinnedName(judged)}`;
  if (old !== undefined) {
    const found = `one by ${old.signer}, ${agedText(old, judged.nowMs)}`;
    return complain(judged, "IMG_ATTESTATION_STALE", found, expected, `attest it again: ${fix}`);
  }
  if (undated.length > 0)
    return complain(
      judged,
      "IMG_TIME_UNKNOWN",
      `one by ${namesOf(undated)} at a time that nobody vouches for`,
      expected,
    );
  if (counted.length > 0)
    return complain(judged, "IMG_ATTESTERS_MISSING", `attested by ${namesOf(counted)} only`, expected);
  if (stranger !== undefined) {
    const found = `one by ${stranger.signer}, whose role is ${stranger.role}`;
    return complain(judged, "IMG_UNTRUSTED_ATTESTER", found, expected);
  }
  const { attestations } = judged.evidence;
  return complain(judged, "IMG_UNATTESTED", attestations?.kind === "absent" ? attestations.why : "none", expected, fix);
}
