import { type Clock, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Attestation, Digest, Discovered, ScanResult, Signature, Verified } from "../policy/evidence.ts";
import type { Artifact } from "./claims/artifact.ts";
import { readProvenance } from "./claims/provenance.ts";
import { readScanReport } from "./claims/scan-report.ts";
import { readSimpleSigning } from "./claims/simple-signing.ts";
import { isAbout, readStatement, type Statement } from "./claims/statement.ts";
import { DESCRIBED_LIMIT_BYTES } from "./limits.ts";
import { COSIGN_SIGN_PREDICATE, COSIGN_VULN_PREDICATE } from "./media-types.ts";
import { type NotaryWorth, verifyNotary } from "./notary/verify-notary.ts";
import type { SignedMaterial } from "./sigstore/material.ts";
import { openBundle } from "./sigstore/open-bundle.ts";
import { openEnvelope, openSimple } from "./sigstore/open-cosign.ts";
import type { Trust } from "./trust.ts";
import { type Voucher, whoVouches } from "./vouch.ts";

/** What one attached artifact turned out to be worth. A refusal says what was seen and why it does not count. */
export type Worth =
  | { readonly kind: "signature"; readonly value: Verified<Signature> }
  | { readonly kind: "attestation"; readonly value: Verified<Attestation> }
  | { readonly kind: "scan"; readonly value: Verified<ScanResult> }
  | { readonly kind: "refused"; readonly seen: "signature" | "attestation"; readonly why: string };

/**
 * The whole of verification, top to bottom. This file alone mints the Verified brand; an index gets what all its
 * children have in facts/cover-index.ts.
 *
 *   open      reads the signed bytes and what speaks for them out of their wrapping
 *   vouchers  the authorities that made the signature: by key, or by certificate, log and time; nobody is a refusal
 *   subject   what was signed must name this very digest
 *   role      a release authority signs, a scanner reports scans, and neither does the other's work
 *
 * Never throws: hostile bytes are a refusal with a reason.
 */
export async function verifyArtifact(
  artifact: Discovered<Artifact>,
  digest: Digest,
  trust: Trust,
  clock: Clock = systemClock,
): Promise<readonly Worth[]> {
  try {
    if (artifact.kind === "notary") return verifyNotary(artifact, digest, trust.notary, clock()).map(asWorth);
    const material = open(artifact);
    const vouched = await whoVouches(material, trust);
    if (vouched.kind === "nobody") return [unvouched(material, vouched.by)];
    const judge = judgeOf(material, digest);
    return vouched.vouchers.flatMap(judge);
  } catch (thrown) {
    const seen = artifact.kind === "simple" || artifact.kind === "notary" ? "signature" : "attestation";
    return [refusal(seen, `${article(seen)} that cannot be read (${messageOf(thrown).slice(0, 120)})`)];
  }
}

function asWorth(worth: NotaryWorth): Worth {
  if (worth.kind === "refused") return refusal("signature", worth.why);
  return { kind: "signature", value: worth.value as Verified<Signature> };
}

/** A scan that our own scanner made and stored for this digest: trusted because nobody else writes that store. */
export function verifyOwnScan(scan: ScanResult, digest: Digest): Verified<ScanResult> | undefined {
  return scan.digest === digest ? (scan as Verified<ScanResult>) : undefined;
}

function open(artifact: Exclude<Artifact, { kind: "notary" }>): SignedMaterial {
  if (artifact.kind === "simple") return openSimple(artifact);
  return artifact.kind === "envelope" ? openEnvelope(artifact) : openBundle(artifact.bytes);
}

/** Megabytes that nobody vouches for are not read, not even to say what they claim to be. */
function unvouched({ payloadType, payload }: SignedMaterial, by: string): Worth {
  if (payloadType === undefined) return refusal("signature", `a signature ${by}`);
  if (payload.byteLength > DESCRIBED_LIMIT_BYTES)
    return refusal("attestation", `an attestation of ${payload.byteLength} bytes ${by}`);
  const statement = readStatement({ payloadType, payload });
  return refusal(seenAs(statement), `${describe(statement)} ${by}`);
}

function judgeOf(material: SignedMaterial, digest: Digest): (voucher: Voucher) => readonly Worth[] {
  const { payloadType, payload } = material;
  if (payloadType === undefined) {
    const { digest: named, repository } = readSimpleSigning(payload);
    if (named !== digest)
      return ({ name }) => [refusal("signature", `a signature by ${name} over another image, ${named}`)];
    return (voucher) => [asSignature(voucher, material, digest, repository)];
  }
  const statement = readStatement({ payloadType, payload });
  const what = describe(statement);
  if (!isAbout(statement, digest))
    return ({ name }) => [refusal(seenAs(statement), `${what} by ${name} about another image`)];
  if (statement.predicateType === COSIGN_SIGN_PREDICATE) return (voucher) => [asSignature(voucher, material, digest)];
  return (voucher) => judgeStatement(statement, voucher, digest);
}

function asSignature(voucher: Voucher, { form }: SignedMaterial, digest: Digest, repository?: string): Worth {
  const { name: signer, role, ...seen } = voucher;
  if (role !== "release") return refusal("signature", `a signature by ${signer}, whose role is ${role}`);
  if (form === undefined) return refusal("signature", `a signature by ${signer} in the place of attestations`);
  const value: Signature = { signer, role, form, digest, ...(repository === undefined ? {} : { repository }), ...seen };
  return { kind: "signature", value: value as Verified<Signature> };
}

/** Anybody's statement is an attestation by him in his role; a scan is believed of a scanner alone. */
function judgeStatement({ predicateType, predicate }: Statement, voucher: Voucher, digest: Digest): readonly Worth[] {
  const { name: signer, role, ...seen } = voucher;
  const provenance = readProvenance(predicateType, predicate);
  const value: Attestation = { signer, role, digest, predicateType, ...seen, ...provenance };
  const attestation: Worth = { kind: "attestation", value: value as Verified<Attestation> };
  if (predicateType !== COSIGN_VULN_PREDICATE) return [attestation];
  if (role !== "scanner")
    return [attestation, refusal("attestation", `an attestation of type vuln by ${signer}, whose role is ${role}`)];
  const scan: ScanResult = { digest, source: `attestation by ${signer}`, ...readScanReport(predicate) };
  return [attestation, { kind: "scan", value: scan as Verified<ScanResult> }];
}

function refusal(seen: "signature" | "attestation", why: string): Worth {
  return { kind: "refused", seen, why };
}

function seenAs(statement: Statement): "signature" | "attestation" {
  return statement.predicateType === COSIGN_SIGN_PREDICATE ? "signature" : "attestation";
}

function describe({ predicateType }: Statement): string {
  if (predicateType === COSIGN_SIGN_PREDICATE) return "a signature";
  if (predicateType === COSIGN_VULN_PREDICATE) return "an attestation of type vuln";
  return `an attestation of type ${JSON.stringify(predicateType.slice(0, 80))}`;
}

function article(noun: "signature" | "attestation"): string {
  return noun === "signature" ? "a signature" : "an attestation";
}
