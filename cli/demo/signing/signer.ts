import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A key pair that signs images: the demo's own stand-in for a release or scanner key. */
export interface Signer {
  /** The authority's name in a policy: "acme-release". */
  readonly name: string;
  /** SubjectPublicKeyInfo as PEM: what a policy holds. */
  readonly publicKeyPem: string;
  /** PKCS #8 as PEM, for `cosign import-key-pair`. */
  readonly privateKeyPem: string;
  /** Base64 SHA-256 of the public key's DER: what a bundle names it by. */
  readonly hint: string;
  /** @param curveHash  hash as the curve asks for (bundles) rather than SHA-256 always (cosign's old form) */
  sign(bytes: Uint8Array, curveHash?: boolean): Uint8Array;
}

export type KeyKind = "p256" | "p384" | "rsa" | "ed25519";

export function generateSigner(name: string, kind: KeyKind = "p256"): Signer {
  const { publicKey, privateKey } = generateKeys(kind);
  const der = publicKey.export({ type: "spki", format: "der" });
  return {
    name,
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }) as string,
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    hint: createHash("sha256").update(der).digest("base64"),
    sign: (bytes, curveHash = false) => sign(hashOf(kind, curveHash), bytes, privateKey),
  };
}

function generateKeys(kind: KeyKind): { publicKey: KeyObject; privateKey: KeyObject } {
  if (kind === "ed25519") return generateKeyPairSync("ed25519");
  if (kind === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  return generateKeyPairSync("ec", { namedCurve: kind === "p256" ? "P-256" : "P-384" });
}

function hashOf(kind: KeyKind, curveHash: boolean): string | null {
  if (kind === "ed25519") return null;
  return kind === "p384" && curveHash ? "sha384" : "sha256";
}
