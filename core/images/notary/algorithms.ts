import { constants, type KeyObject, verify } from "node:crypto";
import { refuse } from "./refusal.ts";

/** How a signing key signs: the key decides, never the envelope. */
export interface SignatureAlgorithm {
  /** The name in JWS. @see RFC 7518 section 3.1 */
  readonly jws: string;
  /** The number in COSE. @see RFC 9053 section 2.1, RFC 8230 section 2 */
  readonly cose: number;
  readonly hash: "sha256" | "sha384" | "sha512";
}

/**
 * The one algorithm of each kind of key.
 * @see notaryproject/specifications specs/signature-specification.md, "Algorithm Selection"
 */
export const ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = {
  "RSA 2048": { jws: "PS256", cose: -37, hash: "sha256" },
  "RSA 3072": { jws: "PS384", cose: -38, hash: "sha384" },
  "RSA 4096": { jws: "PS512", cose: -39, hash: "sha512" },
  "EC prime256v1": { jws: "ES256", cose: -7, hash: "sha256" },
  "EC secp384r1": { jws: "ES384", cose: -35, hash: "sha384" },
  "EC secp521r1": { jws: "ES512", cose: -36, hash: "sha512" },
};

/** "RSA 2048", "EC prime256v1", "ed25519". */
export function kindOfKey(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") return `RSA ${modulusLength}`;
  return key.asymmetricKeyType === "ec" ? `EC ${namedCurve}` : String(key.asymmetricKeyType);
}

/** @throws {Refused} for a key that may not sign */
export function algorithmOf(key: KeyObject): SignatureAlgorithm {
  const kind = kindOfKey(key);
  const algorithm = Object.hasOwn(ALGORITHMS, kind) ? ALGORITHMS[kind] : undefined;
  return algorithm ?? refuse(`a key of kind ${kind}`, `one of ${Object.keys(ALGORITHMS).join(", ")}`);
}

/**
 * True when this key made the signature: PSS with a salt as long as the hash, or ECDSA as two numbers of the curve's
 * length. Never throws: hostile bytes are a no.
 */
export function signedByKey(key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  const { hash } = algorithmOf(key);
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const form = key.asymmetricKeyType === "rsa" ? pss : { dsaEncoding: "ieee-p1363" as const };
  try {
    return verify(hash, signed, { key, ...form }, signature);
  } catch {
    return false;
  }
}
