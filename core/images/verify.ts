import { bundleFromJSON } from "@sigstore/bundle";
import { messageOf } from "../base/errors.ts";
import type { Attestation, Digest, Discovered, ScanResult, Signature, Verified } from "../policy/evidence.ts";
import { type DsseEnvelope, preAuthEncoding, readEnvelope } from "../wire/dsse.ts";
import type { Artifact } from "./claims/artifact.ts";
import { readScanReport } from "./claims/scan-report.ts";
import { readSimpleSigning } from "./claims/simple-signing.ts";
import { isAbout, malformed, readJson, readStatement, type Statement } from "./claims/statement.ts";
import { signedBy, type TrustedKey } from "./keys.ts";
import { DESCRIBED_LIMIT_BYTES, VERIFY_LIMIT_BYTES } from "./limits.ts";
import { COSIGN_SIGN_PREDICATE, COSIGN_VULN_PREDICATE } from "./media-types.ts";
import type { Trust } from "./trust.ts";

/** What one attached artifact turned out to be worth. A refusal says what was seen and why it does not count. */
export type Worth =
  | { readonly kind: "signature"; readonly value: Verified<Signature> }
  | { readonly kind: "attestation"; readonly value: Verified<Attestation> }
  | { readonly kind: "scan"; readonly value: Verified<ScanResult> }
  | { readonly kind: "refused"; readonly seen: "signature" | "attestation"; readonly why: string };

/**
 * The whole of verification, top to bottom. This file alone mints the Verified brand.
 *
 *   open      reads the signed bytes and the signatures out of their wrapping
 *   signers   the trusted keys that made those signatures; nobody is a refusal
 *   subject   what was signed must name this very digest
 *   role      a release key signs, a scanner key reports scans, and neither does the other's work
 *
 * Never throws: hostile bytes are a refusal with a reason.
 */
export function verifyArtifact(
  artifact: Discovered<Artifact>,
  digest: Digest,
  { keys }: Trust,
): readonly Worth[] | Promise<readonly Worth[]> {
  try {
    if (artifact.kind === "notary") throw malformed("a Notary Project signature, which is not read yet");
    if (artifact.kind === "simple") return verifySimple(artifact, digest, keys);
    return verifyEnvelope(openEnvelope(artifact), digest, keys);
  } catch (thrown) {
    const seen = artifact.kind === "simple" || artifact.kind === "notary" ? "signature" : "attestation";
    return [
      { kind: "refused", seen, why: `${article(seen)} that cannot be read (${messageOf(thrown).slice(0, 120)})` },
    ];
  }
}

/** A scan that our own scanner made and stored for this digest: trusted because nobody else writes that store. */
export function verifyOwnScan(scan: ScanResult, digest: Digest): Verified<ScanResult> | undefined {
  return scan.digest === digest ? (scan as Verified<ScanResult>) : undefined;
}

/**
 * Signatures over an index by way of its children: a signer counts when he signed every child that can run, because
 * the index's digest binds the children's.
 */
export function coverIndex(
  index: Digest,
  children: readonly (readonly Verified<Signature>[])[],
): readonly Verified<Signature>[] {
  const [first = [], ...rest] = children;
  return first
    .filter((one) => rest.every((signatures) => signatures.some((other) => other.signer === one.signer)))
    .map((one) => ({ ...one, digest: index }));
}

/** A scan of an index by way of its children's: every finding of each, and as old as the oldest. */
export function coverIndexScans(
  index: Digest,
  children: readonly (Verified<ScanResult> | undefined)[],
): Verified<ScanResult> | undefined {
  const scans = children.filter((scan) => scan !== undefined);
  const [first] = scans;
  if (first === undefined || scans.length < children.length) return undefined;
  const finishedAtMs = Math.min(...scans.map((scan) => scan.finishedAtMs));
  const databases = scans.flatMap(({ databaseAtMs }) => databaseAtMs ?? []);
  const database = databases.length === 0 ? {} : { databaseAtMs: Math.min(...databases) };
  const findings = scans.flatMap((scan) => scan.findings);
  return { ...first, ...database, digest: index, finishedAtMs, findings };
}

function verifySimple(
  artifact: Extract<Artifact, { kind: "simple" }>,
  digest: Digest,
  keys: readonly TrustedKey[],
): readonly Worth[] {
  const payload = readSimpleSigning(artifact.bytes);
  const signature = Buffer.from(artifact.signature, "base64");
  const signers = keys.filter((key) => signedBy(key, artifact.bytes, signature));
  if (signers.length === 0) return [refusal("signature", "a signature by no key of the policy")];
  return signers.map((signer): Worth => {
    if (payload.digest !== digest)
      return refusal("signature", `a signature by ${signer.name} over another image, ${payload.digest}`);
    if (signer.role !== "release")
      return refusal("signature", `a signature by ${signer.name}, whose role is ${signer.role}`);
    return asSignature(signer, "cosign-simple", digest, payload.repository);
  });
}

function verifyEnvelope(envelope: DsseEnvelope, digest: Digest, keys: readonly TrustedKey[]): readonly Worth[] {
  const signed = preAuthEncoding(envelope.payloadType, envelope.payload);
  const cost = signed.byteLength * envelope.signatures.length * keys.length;
  if (cost > VERIFY_LIMIT_BYTES) throw malformed("it has too many signatures for its size");
  const signers = keys.filter((key) => envelope.signatures.some((signature) => signedBy(key, signed, signature)));
  if (signers.length === 0) return [unsigned(envelope)];
  const statement = readStatement(envelope);
  return signers.map((signer) => judgeStatement(statement, signer, digest));
}

/** Megabytes that nobody vouches for are not read, not even to say what they claim to be. */
function unsigned(envelope: DsseEnvelope): Worth {
  if (envelope.payload.byteLength > DESCRIBED_LIMIT_BYTES)
    return refusal("attestation", `an attestation of ${envelope.payload.byteLength} bytes by no key of the policy`);
  const statement = readStatement(envelope);
  return refusal(seenAs(statement), `${describe(statement)} by no key of the policy`);
}

function judgeStatement(statement: Statement, signer: TrustedKey, digest: Digest): Worth {
  const what = `${describe(statement)} by ${signer.name}`;
  if (!isAbout(statement, digest)) return refusal(seenAs(statement), `${what} about another image`);
  if (statement.predicateType === COSIGN_SIGN_PREDICATE) {
    if (signer.role === "release") return asSignature(signer, "bundle-v0.3", digest);
    return refusal("signature", `${what}, whose role is ${signer.role}`);
  }
  if (statement.predicateType !== COSIGN_VULN_PREDICATE) return refusal("attestation", what);
  if (signer.role !== "scanner") return refusal("attestation", `${what}, whose role is ${signer.role}`);
  const scan: ScanResult = { digest, source: `attestation by ${signer.name}`, ...readScanReport(statement.predicate) };
  return { kind: "scan", value: scan as Verified<ScanResult> };
}

function asSignature(signer: TrustedKey, form: Signature["form"], digest: Digest, repository?: string): Worth {
  const value: Signature = {
    signer: signer.name,
    role: signer.role,
    form,
    digest,
    ...(repository === undefined ? {} : { repository }),
  };
  return { kind: "signature", value: value as Verified<Signature> };
}

/** The envelope of a bundle, checked as a bundle first. Keys need no transparency log, so its entries are not read. */
function openEnvelope(artifact: Extract<Artifact, { kind: "bundle" | "envelope" }>): DsseEnvelope {
  const json = readJson(artifact.bytes);
  if (artifact.kind === "envelope") return readEnvelope(json);
  const bundle = bundleFromJSON(json);
  if (bundle.content.$case !== "dsseEnvelope")
    throw malformed("bundle signs a message, not a statement about the image");
  return readEnvelope((json as { dsseEnvelope?: unknown }).dsseEnvelope);
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
