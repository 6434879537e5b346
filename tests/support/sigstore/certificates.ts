import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { contextTag } from "../../../core/wire/x509/der.ts";
import {
  boolean,
  der,
  integer,
  namedBits,
  octetString,
  oid,
  sequence,
  utf8String,
} from "../../../core/wire/x509/der-writer.ts";
import { extension, writeSigned, writeTbsCertificate } from "../../../core/wire/x509/writer.ts";
import { KEY_USAGE, OID } from "../../../core/wire/x509/x509.ts";
import { trivialKey } from "../trivial-key.ts";

export type KeyKind = "p256" | "p384" | "rsa" | "ed25519" | "rsa of 1024 bits" | "rsa of exponent 1";

export interface KeyPair {
  readonly kind: KeyKind;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

export function generateKeys(kind: KeyKind = "p256"): KeyPair {
  const { publicKey, privateKey } = generate(kind);
  return { kind, publicKey, privateKey, spki: publicKey.export({ type: "spki", format: "der" }) };
}

function generate(kind: KeyKind): { publicKey: KeyObject; privateKey: KeyObject } {
  if (kind === "ed25519") return generateKeyPairSync("ed25519");
  if (kind === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  if (kind === "rsa of 1024 bits") return generateKeyPairSync("rsa", { modulusLength: 1024 });
  if (kind === "rsa of exponent 1") return pairOf(trivialKey());
  return generateKeyPairSync("ec", { namedCurve: kind === "p256" ? "P-256" : "P-384" });
}

function pairOf(privateKey: KeyObject): { publicKey: KeyObject; privateKey: KeyObject } {
  return { publicKey: createPublicKey(privateKey), privateKey };
}

/** As bundles have it: each curve with its own hash. */
export function signWith({ kind, privateKey }: KeyPair, bytes: Uint8Array): Buffer {
  return sign(kind === "ed25519" ? null : kind === "p384" ? "sha384" : "sha256", bytes, privateKey);
}

/** Somebody who issues certificates: P-256, ECDSA with SHA-256. */
export interface Issuer {
  readonly name: string;
  readonly keys: KeyPair;
  readonly der: Buffer;
}

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export const USAGE = {
  codeSigning: "1.3.6.1.5.5.7.3.3",
  timeStamping: "1.3.6.1.5.5.7.3.8",
  serverAuth: OID.serverAuth,
} as const;

/** @see RFC 5280 section 4.2.1.9 and 4.2.1.3 */
export function authorityCertificate(
  name: string,
  validity: Validity,
  issuer?: Issuer,
  options: { readonly isCa?: boolean; readonly usage?: string; readonly pathLength?: number } = {},
): Issuer {
  const keys = generateKeys();
  const { isCa = true, usage, pathLength = issuer === undefined ? 1 : 0 } = options;
  const constraint = isCa ? sequence(boolean(true), integer(Uint8Array.of(pathLength))) : sequence();
  const extensions = [
    extension(OID.basicConstraints, true, constraint),
    extension(OID.keyUsage, true, namedBits([isCa ? KEY_USAGE.keyCertSign : KEY_USAGE.digitalSignature])),
    extension(OID.subjectKeyId, false, octetString(keyId(keys))),
    ...(usage === undefined ? [] : [extension(OID.extKeyUsage, !isCa, sequence(oid(usage)))]),
  ];
  const self: Pick<Issuer, "name" | "keys"> = { name, keys };
  return { ...self, der: certificate(issuer ?? self, name, keys.spki, validity, extensions) };
}

/** What a Fulcio leaf says. @see sigstore/fulcio docs/certificate-specification.md, docs/oid-info.md */
export interface Leaf {
  /** An e-mail address or a URI; `names` overrides it. */
  readonly subject: string;
  readonly issuer: string;
  /** GeneralNames as they are encoded, in place of the one of `subject`. */
  readonly names?: readonly Uint8Array[];
  readonly usage?: string;
  readonly isCa?: boolean;
  readonly digitalSignature?: boolean;
  /** What the older extension says, when it differs. */
  readonly olderIssuer?: string;
  /** Extensions added as they are. */
  readonly more?: readonly Uint8Array[];
}

export function leafExtensions(leaf: Leaf): Uint8Array[] {
  const usageBit = leaf.digitalSignature === false ? 1 : KEY_USAGE.digitalSignature;
  return [
    extension(OID.keyUsage, true, namedBits([usageBit])),
    extension(OID.extKeyUsage, false, sequence(oid(leaf.usage ?? USAGE.codeSigning))),
    ...(leaf.isCa === true ? [extension(OID.basicConstraints, true, sequence(boolean(true)))] : []),
    extension(OID.subjectAltName, true, sequence(...(leaf.names ?? [generalName(leaf.subject)]))),
    extension("1.3.6.1.4.1.57264.1.1", false, new TextEncoder().encode(leaf.olderIssuer ?? leaf.issuer)),
    extension("1.3.6.1.4.1.57264.1.8", false, utf8String(leaf.issuer)),
    ...(leaf.more ?? []),
  ];
}

/** An e-mail address ([1]) or a URI ([6]). @see RFC 5280 section 4.2.1.6 */
export function generalName(text: string): Uint8Array {
  return der(contextTag(text.includes("://") ? 6 : 1), new TextEncoder().encode(text));
}

export function tbsCertificate(
  issuer: Pick<Issuer, "name" | "keys">,
  subjectName: string,
  publicKey: Uint8Array,
  validity: Validity,
  extensions: readonly Uint8Array[],
): Uint8Array {
  const serial = createHash("sha256").update(publicKey).digest().subarray(0, 16);
  serial[0] = (serial[0] ?? 0) & 0x7f || 1;
  const names = { issuerName: issuer.name, subjectName, authorityKeyId: keyId(issuer.keys) };
  return writeTbsCertificate({ serial, ...names, ...validity, publicKey, extensions });
}

export function signCertificate(issuer: Pick<Issuer, "keys">, tbs: Uint8Array): Buffer {
  return Buffer.from(writeSigned(tbs, sign("sha256", tbs, issuer.keys.privateKey)));
}

function certificate(...args: Parameters<typeof tbsCertificate>): Buffer {
  return signCertificate(args[0], tbsCertificate(...args));
}

/** SHA-1 of the key's bits. @see RFC 5280 section 4.2.1.2 (1) */
function keyId({ spki }: KeyPair): Buffer {
  return createHash("sha1").update(spki).digest();
}
