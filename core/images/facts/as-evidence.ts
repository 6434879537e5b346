import type { Attestation, Digest, ImageEvidence, Lookup, ScanResult, Verified } from "../../policy/evidence.ts";
import { COSIGN_VULN_PREDICATE } from "../media-types.ts";
import { formatRepository, type ImageReference } from "../reference.ts";
import type { ImageFacts } from "./image-facts.ts";

/** Names at most so many things seen, so that a flood does not fill the denial. */
const SEEN_NAMED = 4;

/** For whoever sees it there with another tool: a registry may list less than it holds. */
const WHERE_LOOKED = "among its referrers (by the API or the fallback tag) or under its .sig and .att tags";

/** Facts about a digest, and our own scan of it, as what is known of one image of one object. */
export function asEvidence(
  image: ImageReference,
  digest: Digest,
  facts: ImageFacts,
  own: Lookup<Verified<ScanResult>>,
): ImageEvidence {
  const refused = facts.refusals.filter(({ seen }) => seen === "signature").length;
  const [unread] = facts.failures;
  return {
    reference: image.text,
    name: formatRepository(image),
    digest: { kind: "found", value: digest },
    signatures: lookup(facts.signatures, facts, "signature"),
    attestations: lookup(facts.attestations, facts, "attestation"),
    scan: newestScan(facts, own),
    seen: { signatures: facts.signatures.length + refused },
    ...(unread === undefined ? {} : { incomplete: unread }),
  };
}

/** The registry says that it has no such tag or digest. */
export function absentEvidence(image: ImageReference): ImageEvidence {
  const absent = { kind: "absent", why: "the registry has no such image" } as const;
  return { reference: image.text, digest: absent, signatures: absent, attestations: absent, scan: absent };
}

/** Nothing is known, and nothing is absent. */
export function failedEvidence(reference: string, cause: Error): ImageEvidence {
  const failed = { kind: "failed", cause } as const;
  return { reference, digest: failed, signatures: failed, attestations: failed, scan: failed };
}

type Noun = "signature" | "attestation" | "scan";

function lookup<T>(values: readonly T[], facts: ImageFacts, noun: Noun): Lookup<readonly T[]> {
  if (values.length > 0) return { kind: "found", value: values };
  const [cause] = facts.failures;
  return cause === undefined ? { kind: "absent", why: whyAbsent(facts, noun) } : { kind: "failed", cause };
}

function newestScan(facts: ImageFacts, own: Lookup<Verified<ScanResult>>): Lookup<Verified<ScanResult>> {
  const attested = lookup(facts.scans, facts, "scan");
  const known = [...(attested.kind === "found" ? attested.value : []), ...(own.kind === "found" ? [own.value] : [])];
  const [newest] = known.toSorted((a, b) => b.finishedAtMs - a.finishedAtMs);
  if (newest !== undefined) return { kind: "found", value: newest };
  return own.kind === "failed" || attested.kind === "found" ? (own as Lookup<never>) : attested;
}

function whyAbsent(facts: ImageFacts, noun: Noun): string {
  const vouched = [...facts.scans.map(describeScan), ...facts.attestations.filter(notScan).map(describeAttestation)];
  const relevant = noun === "signature" ? [...vouched, ...facts.refusals] : facts.refusals.filter(notSignature);
  const reasons = [...new Set(relevant.map(({ why }) => why))];
  if (reasons.length === 0) return noun === "scan" ? "no scan" : `no ${noun} ${WHERE_LOOKED}`;
  const more = reasons.length > SEEN_NAMED ? ` and ${reasons.length - SEEN_NAMED} more` : "";
  const none = noun === "signature" && facts.refusals.some(({ seen }) => seen === "signature") ? "" : `, no ${noun}`;
  return `${reasons.slice(0, SEEN_NAMED).join("; ")}${more}${none}`;
}

function describeScan(scan: ScanResult): { why: string } {
  return { why: scan.source.replace(/^attestation by/, "an attestation of type vuln by") };
}

function describeAttestation({ predicateType, signer }: Attestation): { why: string } {
  return { why: `an attestation of type ${JSON.stringify(predicateType.slice(0, 80))} by ${signer}` };
}

/** A scan's attestation is described as that scan already. */
function notScan({ predicateType }: Attestation): boolean {
  return predicateType !== COSIGN_VULN_PREDICATE;
}

function notSignature({ seen }: ImageFacts["refusals"][number]): boolean {
  return seen !== "signature";
}
