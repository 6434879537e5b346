/**
 * What is known about one image, as the evaluator sees it. Gathered by core/images and scanner before the
 * decision; the evaluator itself does no I/O and reads no clock.
 */

declare const verified: unique symbol;
declare const discovered: unique symbol;

/** Bytes or claims as found in a registry: anybody who can push may have written them. */
export type Discovered<T> = T & { readonly [discovered]: true };

/** Claims whose signature, subject digest and signer role were checked. Only the verifier mints this brand. */
export type Verified<T> = T & { readonly [verified]: true };

/** "sha256:" and 64 lower-case hex digits. @see OCI image-spec, descriptor.md, Digests */
export type Digest = `sha256:${string}`;

/** What a trusted key or identity may vouch for. None of them does another's work: a scanner's key never signs. */
export const SIGNER_ROLES = ["release", "scanner", "builder", "approver"] as const;
export type SignerRole = (typeof SIGNER_ROLES)[number];

/** How a signature is written, for people and the decision log. */
export type SignatureForm = "cosign-simple" | `bundle-v0.${1 | 2 | 3}` | "notation-jws" | "notation-cose";

/** A signature over the image digest by a key (or identity) that the policy names. */
export interface Signature {
  /** The authority's name in the policy: "acme-release". */
  readonly signer: string;
  readonly role: SignerRole;
  readonly form: SignatureForm;
  readonly digest: Digest;
  /** The host/repository that the signed bytes name, where the form has one: what a replay elsewhere cannot change. */
  readonly repository?: string;
  /** Who signed within the authority: "https://github.com/acme/…@refs/heads/main (issuer …)", a certificate's subject. */
  readonly identity?: string;
  /**
   * What its age is counted from, in milliseconds since the epoch, where something vouches that it was not made before:
   * a certificate of its signer, or what he signed. A log's time and a timestamp do not, which anybody may get anew.
   */
  readonly signedAtMs?: number;
  /** From this millisecond on it counts no longer: it says so, or nobody vouches that its certificate was valid. */
  readonly validUntilMs?: number;
}

/** A statement about the image digest by a key (or identity) that the policy names. @see in-toto Statement v1 */
export interface Attestation {
  readonly signer: string;
  readonly role: SignerRole;
  readonly digest: Digest;
  /** "https://slsa.dev/provenance/v1" */
  readonly predicateType: string;
  readonly identity?: string;
  /** As for a signature: never the time that the statement claims for itself. */
  readonly signedAtMs?: number;
  readonly validUntilMs?: number;
  /** From SLSA provenance, for the decision log: who built it, from which commit. */
  readonly builder?: string;
  readonly sourceCommit?: string;
}

/** How bad, in Trivy's and CVSS's words. */
export const SEVERITIES = ["unknown", "low", "medium", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** "CVE-2021-44228" */
  readonly id: string;
  readonly severity: Severity;
  /** Package URL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1". */
  readonly package: string;
  readonly fixedIn?: string;
}

/** A finished scan of one digest. */
export interface ScanResult {
  readonly digest: Digest;
  /** Who says so: `trivy 0.67.2`, or the attesting authority `attestation by acme-scanner`. */
  readonly source: string;
  readonly finishedAtMs: number;
  /** When the vulnerability database was made, where the scanner says. */
  readonly databaseAtMs?: number;
  readonly findings: readonly Finding[];
}

/** What a look-up ended in. "Could not find out" stays apart from "is not there". */
export type Lookup<T> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "failed"; readonly cause: Error };

/** Everything the evaluator may know about one image of one object. */
export interface ImageEvidence {
  /** The reference as written in the object. */
  readonly reference: string;
  /** The digest of the bytes received when the reference was resolved. */
  readonly digest: Lookup<Digest>;
  /** Every signature that verified. `absent` lists in `why` what was seen and why it did not count. */
  readonly signatures: Lookup<readonly Verified<Signature>[]>;
  /** Every attestation that verified, scans included. Absent where nothing asked for any. */
  readonly attestations?: Lookup<readonly Verified<Attestation>[]>;
  /** The newest scan that may be believed: a verified attestation or the scan store's own. */
  readonly scan: Lookup<Verified<ScanResult>>;
  /** The reference's host/repository, normalised: what a signature's own `repository` is compared with. */
  readonly name?: string;
  /** How much was there whether or not it verified, so that a denial can tell "unsigned" from "signed by others". */
  readonly seen?: { readonly signatures: number };
  /** A look-up beside what was found that got no answer: what is missing may be there after all. */
  readonly incomplete?: Error;
}
