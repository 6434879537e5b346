import { type KeyObject, X509Certificate } from "node:crypto";
import { messageOf } from "../../../base/errors.ts";
import {
  children,
  type DerValue,
  expectTag,
  explicitTag,
  readBoolean,
  readDer,
  readOid,
  readTime,
  TAG,
} from "../../../wire/x509/der.ts";
import { type Extension, OID, readExtensions, readNamedBits } from "../../../wire/x509/x509.ts";
import { CERTIFICATE_LIMIT_BYTES } from "../limits.ts";
import { refuse } from "../refusal.ts";
import { type NameAttribute, readName, writeName } from "./name.ts";

/** What a certificate says, unverified, in as far as a signature's rules ask for it. */
export interface Certificate {
  readonly der: Uint8Array;
  /** Big-endian, as encoded. */
  readonly serial: Uint8Array;
  readonly subject: readonly NameAttribute[];
  /** The subject for people: "CN=build, O=Acme, ST=WA, C=US". */
  readonly subjectText: string;
  readonly subjectDer: Uint8Array;
  readonly issuerDer: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** The object identifier of how its issuer signed it. */
  readonly signatureAlgorithm: string;
  readonly basicConstraints?: { readonly critical: boolean; readonly isCa: boolean; readonly pathLength?: number };
  readonly keyUsage?: { readonly critical: boolean; readonly bits: ReadonlySet<number> };
  readonly extKeyUsage?: { readonly critical: boolean; readonly purposes: readonly string[] };
  /** Object identifiers of every extension marked critical. */
  readonly critical: readonly string[];
  readonly key: KeyObject;
  /** True when this key signed the certificate. Costs one verification. */
  readonly signedBy: (key: KeyObject) => boolean;
}

/** @throws {Refused} unless it is one well-formed X.509 v3 certificate with a key that can be used */
export function readCertificate(der: Uint8Array): Certificate {
  if (der.byteLength > CERTIFICATE_LIMIT_BYTES)
    refuse(`a certificate of ${der.byteLength} bytes`, `${CERTIFICATE_LIMIT_BYTES} at most`);
  try {
    const opened = new X509Certificate(der);
    return { der, ...readFields(der), key: opened.publicKey, signedBy: (key) => verified(opened, key) };
  } catch (cause) {
    return refuse(
      `a certificate that cannot be read (${messageOf(cause).slice(0, 120)})`,
      "an X.509 certificate",
      cause,
    );
  }
}

function verified(opened: X509Certificate, key: KeyObject): boolean {
  try {
    return opened.verify(key);
  } catch {
    return false;
  }
}

type Fields = Omit<Certificate, "der" | "key" | "signedBy">;

/** @see RFC 5280 section 4.1 */
function readFields(der: Uint8Array): Fields {
  const [tbs, algorithm] = children(expectTag(readDer(der), TAG.sequence));
  const fields = children(expectTag(tbs, TAG.sequence)).filter(({ tag }) => tag !== explicitTag(0));
  const [serial, , issuer, validity, subject] = fields;
  const [notBefore, notAfter] = children(expectTag(validity, TAG.sequence));
  const extensions = readExtensions(fields.find(({ tag }, index) => index > 5 && tag === explicitTag(3)));
  const name = readName(expectTag(subject, TAG.sequence));
  return {
    serial: expectTag(serial, TAG.integer).content,
    subject: name,
    subjectText: writeName(name),
    subjectDer: expectTag(subject, TAG.sequence).encoded,
    issuerDer: expectTag(issuer, TAG.sequence).encoded,
    notBeforeMs: readTime(notBefore),
    notAfterMs: readTime(notAfter),
    signatureAlgorithm: readOid(expectTag(children(expectTag(algorithm, TAG.sequence))[0], TAG.oid)),
    critical: [...extensions].filter(([, { critical }]) => critical).map(([id]) => id),
    ...readUsages(extensions),
  };
}

type Usages = Pick<Certificate, "basicConstraints" | "keyUsage" | "extKeyUsage">;

function readUsages(extensions: ReadonlyMap<string, Extension>): Usages {
  const constraints = extensions.get(OID.basicConstraints);
  const usage = extensions.get(OID.keyUsage);
  const purposes = extensions.get(OID.extKeyUsage);
  return {
    ...(constraints && { basicConstraints: readBasicConstraints(constraints) }),
    ...(usage && { keyUsage: { critical: usage.critical, bits: readNamedBits(readDer(usage.value)) } }),
    ...(purposes && {
      extKeyUsage: { critical: purposes.critical, purposes: children(readDer(purposes.value)).map(readOid) },
    }),
  };
}

/** @see RFC 5280 section 4.2.1.9 */
function readBasicConstraints({ critical, value }: Extension): NonNullable<Certificate["basicConstraints"]> {
  const parts = children(expectTag(readDer(value), TAG.sequence));
  const isCa = parts[0]?.tag === TAG.boolean && readBoolean(parts[0]);
  const length = parts.find(({ tag }) => tag === TAG.integer);
  return length === undefined ? { critical, isCa } : { critical, isCa, pathLength: readSmallInteger(length) };
}

/** A path length: one byte in any chain that could be followed here. Longer ones mean "no limit". */
function readSmallInteger({ content }: DerValue): number {
  const [first = 0x80] = content;
  if (first >= 0x80) refuse("a negative path length", "none, or one of 0 or more");
  return content.length === 1 ? first : Number.POSITIVE_INFINITY;
}
