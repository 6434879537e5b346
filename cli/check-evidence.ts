import { plainText, SENTENCE_LIMIT_CHARS } from "../admission/answer/plain-text.ts";
import type { EvidenceSource } from "../admission/evidence.ts";
import { CodedError, messageOf } from "../core/base/errors.ts";
import type { Attestation, ImageEvidence, Lookup, ScanResult, Signature } from "../core/policy/evidence.ts";

/** What was found of one image when one policy asked, against that policy's authorities. */
export interface FoundEvidence {
  readonly image: string;
  readonly authorities: readonly string[];
  readonly evidence: ImageEvidence;
}

/** An evidence source that remembers what it answered. */
export interface Witness {
  readonly source: EvidenceSource;
  /** What was answered since the last time, which is forgotten then. */
  take(): readonly FoundEvidence[];
}

export function witness(images: EvidenceSource): Witness {
  let found: FoundEvidence[] = [];
  const source: EvidenceSource = {
    collect: async (image, authorities, signal) => {
      const evidence = await images.collect(image, authorities, signal);
      found.push({ image: image.text, authorities: authorities.map(({ name }) => name), evidence });
      return evidence;
    },
  };
  const take = () => {
    const taken = found;
    found = [];
    return taken;
  };
  return { source, take };
}

const INDENT = " ".repeat(12);

/**
 * Evidence as people read it: every kind, in one order, found or not.
 *
 *   evidence  ghcr.io/acme/web@sha256:77ab  for acme-release, acme-scanner
 *             signature    by acme-release, notation-cose, CN=build, O=Acme, ST=WA, C=US, counts until 2026-12-01T00:00:00Z
 *             attestation  none: no attestation
 *             scan         attestation by acme-scanner, finished at 2026-11-21T09:00:00Z, 3 findings
 */
export function renderEvidence({ image, authorities, evidence }: FoundEvidence): string {
  const head = `  evidence  ${plainText(image)}  ${authorities.length === 0 ? "for nobody" : `for ${authorities.join(", ")}`}`;
  const { signatures, attestations, scan } = evidence;
  return [
    head,
    ...lines("signature", signatures, (all) => all.map(signatureText)),
    ...lines("attestation", attestations ?? { kind: "absent", why: "not asked for" }, (all) =>
      all.map(attestationText),
    ),
    ...lines("scan", scan, (one) => [scanText(one)]),
  ].join("\n");
}

function lines<T>(noun: string, lookup: Lookup<T>, tell: (value: T) => readonly string[]): string[] {
  return texts(lookup, tell).map((text) => `${INDENT}${noun.padEnd(12)} ${plainText(text, SENTENCE_LIMIT_CHARS)}`);
}

function texts<T>(lookup: Lookup<T>, tell: (value: T) => readonly string[]): readonly string[] {
  switch (lookup.kind) {
    case "found":
      return tell(lookup.value);
    case "absent":
      return [`none: ${lookup.why}`];
    case "failed":
      return [`not known: ${messageOf(lookup.cause)}`];
  }
}

function signatureText({ signer, form, identity, ...times }: Signature): string {
  return [`by ${signer}`, form, ...(identity === undefined ? [] : [identity]), ...timeTexts(times)].join(", ");
}

function attestationText({ signer, predicateType, identity, ...times }: Attestation): string {
  return [`by ${signer}`, predicateType, ...(identity === undefined ? [] : [identity]), ...timeTexts(times)].join(", ");
}

function timeTexts({ signedAtMs, validUntilMs }: Pick<Signature, "signedAtMs" | "validUntilMs">): string[] {
  return [
    ...(signedAtMs === undefined ? [] : [`not made before ${atTime(signedAtMs)}`]),
    ...(validUntilMs === undefined ? [] : [`counts until ${atTime(validUntilMs)}`]),
  ];
}

function scanText({ source, finishedAtMs, findings }: ScanResult): string {
  const count = `${findings.length} ${findings.length === 1 ? "finding" : "findings"}`;
  return `${source}, finished at ${atTime(finishedAtMs)}, ${count}`;
}

const atTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

/** The same as JSON. */
export function evidenceFacts({ image, authorities, evidence }: FoundEvidence): object {
  const { digest, signatures, attestations, scan } = evidence;
  return {
    image,
    authorities,
    digest: lookupFacts(digest),
    signatures: lookupFacts(signatures),
    ...(attestations === undefined ? {} : { attestations: lookupFacts(attestations) }),
    scan: lookupFacts(scan),
  };
}

function lookupFacts<T>(lookup: Lookup<T>): object {
  if (lookup.kind !== "failed") return lookup;
  const { cause } = lookup;
  return {
    kind: "failed",
    cause: cause instanceof CodedError ? cause.toJSON() : { code: "INTERNAL", message: cause.message },
  };
}
