import { CodedError } from "../../base/errors.ts";
import type { Attestation, ScanResult, Signature, SignerRole, Verified } from "../../policy/evidence.ts";

/** Verified facts about one digest, under one set of authorities. Facts, never the decision drawn from them. */
export interface ImageFacts {
  readonly signatures: readonly Verified<Signature>[];
  readonly attestations: readonly Verified<Attestation>[];
  /** Every believed scan, newest first. */
  readonly scans: readonly Verified<ScanResult>[];
  /** What was seen and does not count, in words. */
  readonly refusals: readonly { readonly seen: "signature" | "attestation" | "other"; readonly why: string }[];
  /** Roles among the authorities of which nothing was found: what signing or attesting may yet mend. */
  readonly lacking: readonly SignerRole[];
  /** Look-ups that found no answer. Facts with failures are never kept. */
  readonly failures: readonly Error[];
  /** The registry says that it has no such digest. */
  readonly missing?: true;
}

/** Facts and when somebody last looked, in milliseconds since the epoch. */
export interface KeptFacts {
  readonly facts: ImageFacts;
  readonly lookedAtMs: number;
}

/** Whether anything was verified: that stays true, while "nothing found" may end any moment. */
export function holdsVerified({ signatures, attestations, scans }: ImageFacts): boolean {
  return signatures.length + attestations.length + scans.length > 0;
}

/**
 * Failures after which facts verified earlier are still used: nobody answered, or verification had no room. A registry
 * that answers wrongly (other bytes, a refusal, a redirect) is no outage.
 */
const OUTAGES: ReadonlySet<string> = new Set([
  "REGISTRY_UNREACHABLE",
  "REGISTRY_TIMEOUT",
  "REGISTRY_UNAVAILABLE",
  "REGISTRY_RATE_LIMITED",
  "REGISTRY_BUSY",
  "REGISTRY_CIRCUIT_OPEN",
  "EVIDENCE_BUSY",
  "VERIFY_TIMEOUT",
  "VERIFY_CRASHED",
  "VERIFY_BUSY",
  "VERIFY_UNAVAILABLE",
]);

export function isOutage(failures: readonly Error[]): boolean {
  return failures.length > 0 && failures.every((one) => one instanceof CodedError && OUTAGES.has(one.code));
}

/**
 * What an outage leaves: everything found now, and everything verified before, which stays true of these bytes and
 * these authorities. The failures stay too, so that nothing that was not found counts as absent.
 */
export function withEarlier(now: ImageFacts, earlier: ImageFacts): ImageFacts {
  const scans = union(now.scans, earlier.scans).toSorted((a, b) => b.finishedAtMs - a.finishedAtMs);
  return {
    ...now,
    signatures: union(now.signatures, earlier.signatures),
    attestations: union(now.attestations, earlier.attestations),
    scans,
  };
}

/** What still counts at this moment; what was verified for a time that is over is a refusal now. */
export function countingAt(facts: ImageFacts, nowMs: number): ImageFacts {
  const { signatures, attestations } = facts;
  const over = [...signatures, ...attestations].filter((one) => isOver(one, nowMs));
  if (over.length === 0) return facts;
  return {
    ...facts,
    signatures: signatures.filter((one) => !isOver(one, nowMs)),
    attestations: attestations.filter((one) => !isOver(one, nowMs)),
    refusals: [...facts.refusals, ...over.map(describeOver)],
  };
}

function isOver({ validUntilMs }: { readonly validUntilMs?: number }, nowMs: number): boolean {
  return validUntilMs !== undefined && nowMs >= validUntilMs;
}

function describeOver(one: Signature | Attestation): ImageFacts["refusals"][number] {
  const seen = "predicateType" in one ? "attestation" : "signature";
  const end = new Date(one.validUntilMs ?? 0).toISOString();
  return { seen, why: `${seen === "signature" ? "a" : "an"} ${seen} by ${one.signer} that counted until ${end}` };
}

/** Nothing but that it could not be found out. */
export function failedFacts(cause: Error): ImageFacts {
  return { signatures: [], attestations: [], scans: [], refusals: [], lacking: [], failures: [cause] };
}

function union<T>(now: readonly T[], earlier: readonly T[]): readonly T[] {
  const seen = new Set(now.map((one) => JSON.stringify(one)));
  return [...now, ...earlier.filter((one) => !seen.has(JSON.stringify(one)))];
}
