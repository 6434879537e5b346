import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { DAY_MS } from "../../../core/base/clock.ts";
import { explicitTag } from "../../../core/wire/x509/der.ts";
import {
  bitString,
  boolean,
  der,
  integer,
  namedBits,
  oid,
  sequence,
  setOf,
  time,
  utf8String,
} from "../../../core/wire/x509/der-writer.ts";
import { writePem } from "../../../core/wire/x509/pem.ts";
import { extension } from "../../../core/wire/x509/writer.ts";
import { OID } from "../../../core/wire/x509/x509.ts";
import { trivialKey } from "../trivial-key.ts";

export const KEY_KINDS = [
  "RSA 2048",
  "RSA 3072",
  "RSA 4096",
  "P-256",
  "P-384",
  "P-521",
  "RSA 1024",
  "RSA of exponent 1",
  "ed25519",
] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** Object identifiers that tests name. */
export const EKU = {
  any: "2.5.29.37.0",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  codeSigning: "1.3.6.1.5.5.7.3.3",
  emailProtection: "1.3.6.1.5.5.7.3.4",
  timeStamping: "1.3.6.1.5.5.7.3.8",
  ocspSigning: "1.3.6.1.5.5.7.3.9",
} as const;

export const TYPE = {
  CN: "2.5.4.3",
  C: "2.5.4.6",
  L: "2.5.4.7",
  ST: "2.5.4.8",
  O: "2.5.4.10",
  OU: "2.5.4.11",
} as const;

export type Name = readonly (readonly [type: string, value: string])[];

/** C=US, ST=WA, O=Acme and this common name. */
export const named = (commonName: string): Name => [
  [TYPE.C, "US"],
  [TYPE.ST, "WA"],
  [TYPE.O, "Acme"],
  [TYPE.CN, commonName],
];

/** Everything about a certificate that a test may want otherwise. */
export interface CertificateWish {
  readonly subject: Name;
  /** Several attributes in one RDN, or encodings of their own: replaces `subject`. */
  readonly subjectDer: Uint8Array;
  readonly keyKind: KeyKind;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly basicConstraints:
    | { readonly isCa: boolean; readonly pathLength?: number; readonly critical?: boolean }
    | "none";
  readonly keyUsage: { readonly bits: readonly number[]; readonly critical?: boolean } | "none";
  readonly extKeyUsage: { readonly purposes: readonly string[]; readonly critical?: boolean } | "none";
  readonly more: readonly Uint8Array[];
  /** "sha1" signs as nobody should any more. */
  readonly hash: "sha1" | "sha256" | "sha384";
}

/** A certificate with its private key. */
export interface Issued {
  readonly der: Uint8Array;
  readonly pem: string;
  readonly key: KeyObject;
  readonly subjectDer: Uint8Array;
  readonly issuerDer: Uint8Array;
  readonly serial: Uint8Array;
}

const keys = new Map<KeyKind, KeyObject[]>();

/** Keys of a kind, made once for all tests of a file: RSA's take seconds. */
export function keyOf(kind: KeyKind, which = 0): KeyObject {
  const made = keys.get(kind) ?? [];
  keys.set(kind, made);
  made[which] ??= newKey(kind);
  return made[which];
}

function newKey(kind: KeyKind): KeyObject {
  if (kind === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  if (kind === "RSA of exponent 1") return trivialKey();
  const [family, size = ""] = kind.split(" ");
  if (family === "RSA") return generateKeyPairSync("rsa", { modulusLength: Number(size) }).privateKey;
  return generateKeyPairSync("ec", { namedCurve: kind }).privateKey;
}

let issued = 0;

/** Issues a certificate; without an issuer it signs itself. */
export function issue(
  kind: "leaf" | "authority" | "timestamps",
  wish: Partial<CertificateWish> = {},
  issuer?: Issued,
): Issued {
  const serial = Uint8Array.of(1, ++issued >> 8, issued & 0xff);
  const {
    keyKind = "P-256",
    hash = "sha256",
    notBeforeMs = Date.now() - DAY_MS,
    notAfterMs = Date.now() + 365 * DAY_MS,
  } = wish;
  const key = keyOf(keyKind, keyKind === "P-256" ? issued : 0);
  const subjectDer = wish.subjectDer ?? writeName(wish.subject ?? named(`${kind} ${issued}`));
  const by = issuer ?? { subjectDer, key };
  const tbs = sequence(
    der(explicitTag(0), integer(Uint8Array.of(2))),
    integer(serial),
    signatureAlgorithm(by.key, hash),
    by.subjectDer,
    sequence(time(notBeforeMs), time(notAfterMs)),
    subjectDer,
    publicKeyDer(key),
    der(explicitTag(3), sequence(...extensionsOf(kind, wish))),
  );
  const signature = sign(by.key.asymmetricKeyType === "ed25519" ? null : hash, tbs, by.key);
  const encoded = sequence(tbs, signatureAlgorithm(by.key, hash), bitString(signature));
  return { der: encoded, pem: writePem(encoded, "CERTIFICATE"), key, subjectDer, issuerDer: by.subjectDer, serial };
}

const USUAL = {
  leaf: { basicConstraints: "none", keyUsage: { bits: [0] }, extKeyUsage: { purposes: [EKU.codeSigning] } },
  authority: { basicConstraints: { isCa: true }, keyUsage: { bits: [5, 6] }, extKeyUsage: "none" },
  timestamps: {
    basicConstraints: "none",
    keyUsage: { bits: [0] },
    extKeyUsage: { purposes: [EKU.timeStamping], critical: true },
  },
} as const satisfies Record<string, Partial<CertificateWish>>;

function extensionsOf(kind: keyof typeof USUAL, wish: Partial<CertificateWish>): Uint8Array[] {
  const { basicConstraints, keyUsage, extKeyUsage, more = [] } = { ...USUAL[kind], ...wish } as CertificateWish;
  const list = [...more];
  if (basicConstraints !== "none") {
    const { isCa, pathLength, critical = true } = basicConstraints;
    const length = pathLength === undefined ? [] : [integer(Uint8Array.of(pathLength))];
    list.push(extension(OID.basicConstraints, critical, sequence(...(isCa ? [boolean(true)] : []), ...length)));
  }
  if (keyUsage !== "none") list.push(extension(OID.keyUsage, keyUsage.critical ?? true, namedBits(keyUsage.bits)));
  if (extKeyUsage !== "none")
    list.push(extension(OID.extKeyUsage, extKeyUsage.critical ?? false, sequence(...extKeyUsage.purposes.map(oid))));
  return list;
}

export function writeName(name: Name): Uint8Array {
  return sequence(...name.map(([type, value]) => setOf(attribute(type, value))));
}

export function attribute(type: string, value: string): Uint8Array {
  return sequence(oid(type), utf8String(value));
}

const SIGNATURES = {
  "rsa sha1": "1.2.840.113549.1.1.5",
  "rsa sha256": "1.2.840.113549.1.1.11",
  "rsa sha384": "1.2.840.113549.1.1.12",
  "ec sha1": "1.2.840.10045.4.1",
  "ec sha256": "1.2.840.10045.4.3.2",
  "ec sha384": "1.2.840.10045.4.3.3",
} as const;

export function signatureAlgorithm(key: KeyObject, hash: string): Uint8Array {
  const kind = key.asymmetricKeyType ?? "";
  if (kind === "ed25519") return sequence(oid("1.3.101.112"));
  const id = SIGNATURES[`${kind} ${hash}` as keyof typeof SIGNATURES];
  return kind === "rsa" ? sequence(oid(id), der(0x05)) : sequence(oid(id));
}

function publicKeyDer(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ format: "der", type: "spki" });
}
