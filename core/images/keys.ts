import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { CodedError } from "../base/errors.ts";
import type { SignerRole } from "../policy/evidence.ts";
import type { KeyAuthority } from "../policy/images/schema/authority.ts";
import { IMAGES_ERRORS } from "./errors.ts";
import type { SigstoreVerifier } from "./sigstore/witnessed.ts";

/** An authority whose key was read and found of a kind that may sign images. */
export interface TrustedKey {
  readonly name: string;
  readonly role: SignerRole;
  readonly key: KeyObject;
  /** Hash names tried, in order; `null` for Ed25519, which hashes by itself. */
  readonly hashes: readonly (string | null)[];
  /** What its signatures must be seen by too, where the policy wants that. */
  readonly witness?: SigstoreVerifier;
}

/** Shortest RSA modulus that counts, in bits. @see NIST SP 800-131A rev. 2, table 2 */
export const RSA_LEAST_BITS = 2048;
export const RSA_MOST_BITS = 8192;
/** Least public exponent: with 1 every message is its own signature. @see FIPS 186-5 appendix A.1.1 */
export const RSA_LEAST_EXPONENT = 65_537n;

/**
 * Hashes by key kind. cosign signs with SHA-256 whatever the curve in its old form, and with the curve's own hash in
 * bundles. @see sigstore architecture-docs, algorithm-registry.md
 */
const HASHES = {
  "ec prime256v1": ["sha256"],
  "ec secp384r1": ["sha384", "sha256"],
  rsa: ["sha256"],
  ed25519: [null],
} as const;

/** @throws {CodedError} IMAGE_KEY_INVALID naming the authority */
export function trustedKey(authority: KeyAuthority): TrustedKey {
  const key = readKey(authority);
  const hashes = hashesOf(key);
  if (hashes === undefined)
    throw invalid(authority, `${weaknessOf(key) ?? `a key of kind ${kindOf(key)}`} may not sign images`);
  return { name: authority.name, role: authority.role, key, hashes };
}

/** Hash names by which a key of this kind signs images, in the order tried; `undefined` when it may not at all. */
export function hashesOf(key: KeyObject): readonly (string | null)[] | undefined {
  if (weaknessOf(key) !== undefined) return undefined;
  return (HASHES as Record<string, readonly (string | null)[]>)[kindOf(key)];
}

/** What is wrong with an RSA key that OpenSSL would verify with all the same: "an RSA key of exponent 1". */
export function weaknessOf(key: KeyObject): string | undefined {
  const { modulusLength: bits, publicExponent: exponent } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== "rsa" || bits === undefined || exponent === undefined) return undefined;
  if (bits < RSA_LEAST_BITS || bits > RSA_MOST_BITS) return `an RSA key of ${bits} bits`;
  return exponent < RSA_LEAST_EXPONENT || exponent % 2n === 0n ? `an RSA key of exponent ${exponent}` : undefined;
}

function kindOf(key: KeyObject): string {
  return `${key.asymmetricKeyType} ${key.asymmetricKeyDetails?.namedCurve ?? ""}`.trim();
}

/** True when the signature over these bytes was made with this key. Never throws: hostile bytes are a no. */
export function signedBy(
  { key, hashes }: Pick<TrustedKey, "key" | "hashes">,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  return hashes.some((hash) => {
    try {
      return verify(hash, bytes, key, signature);
    } catch {
      return false;
    }
  });
}

function readKey(authority: KeyAuthority): KeyObject {
  try {
    return createPublicKey({ key: authority.key, format: "pem" });
  } catch (cause) {
    throw invalid(authority, "its key is not a PEM public key", cause);
  }
}

function invalid({ name }: KeyAuthority, why: string, cause?: unknown): CodedError {
  return new CodedError("IMAGE_KEY_INVALID", `authority ${name}: ${why}`, IMAGES_ERRORS.IMAGE_KEY_INVALID.fix, {
    cause,
  });
}
