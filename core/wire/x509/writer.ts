import { contextTag, explicitTag } from "./der.ts";
import {
  bitString,
  boolean,
  der,
  integer,
  namedBits,
  octetString,
  oid,
  sequence,
  setOf,
  time,
  utf8String,
} from "./der-writer.ts";
import { KEY_USAGE, OID } from "./x509.ts";

/** One side's name and key, as the certificate carries them. */
export interface CertificateFields {
  /** Big-endian, at most 20 bytes, not zero (RFC 5280 section 4.1.2.2). */
  readonly serial: Uint8Array;
  readonly issuerName: string;
  readonly subjectName: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly authorityKeyId: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

const ECDSA_SHA256 = sequence(oid(OID.ecdsaWithSha256));

/** The part of a certificate that is signed. @see RFC 5280 section 4.1 */
export function writeTbsCertificate(fields: CertificateFields): Uint8Array {
  const authorityKeyId = extension(OID.authorityKeyId, false, sequence(der(contextTag(0), fields.authorityKeyId)));
  return sequence(
    der(explicitTag(0), integer(Uint8Array.of(2))),
    integer(fields.serial),
    ECDSA_SHA256,
    commonName(fields.issuerName),
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    commonName(fields.subjectName),
    fields.publicKey,
    der(explicitTag(3), sequence(...fields.extensions, authorityKeyId)),
  );
}

/** Joins what was signed with its ECDSA signature (DER): a certificate, or a PKCS#10 request. */
export function writeSigned(toBeSigned: Uint8Array, signature: Uint8Array): Uint8Array {
  return sequence(toBeSigned, ECDSA_SHA256, bitString(signature));
}

/** The part of a PKCS#10 request that is signed: no subject, one URI asked for. @see RFC 2986 section 4.1 */
export function writeRequestInfo(publicKey: Uint8Array, uri: string): Uint8Array {
  const asked = sequence(altNames({ uris: [uri], dns: [], ips: [] }, false));
  const attribute = sequence(oid(OID.extensionRequest), setOf(asked));
  return sequence(integer(Uint8Array.of(0)), sequence(), publicKey, der(explicitTag(0), attribute));
}

/** The empty name is allowed when the SubjectAltName is critical (RFC 5280 section 4.1.2.6). */
function commonName(name: string): Uint8Array {
  return name === "" ? sequence() : sequence(setOf(sequence(oid(OID.commonName), utf8String(name))));
}

export function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

export interface AltNamesToWrite {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly ips: readonly Uint8Array[];
}

export function altNames(names: AltNamesToWrite, critical: boolean): Uint8Array {
  const ascii = (text: string) => new TextEncoder().encode(text);
  const list = [
    ...names.uris.map((uri) => der(contextTag(6), ascii(uri))),
    ...names.dns.map((name) => der(contextTag(2), ascii(name))),
    ...names.ips.map((ip) => der(contextTag(7), ip)),
  ];
  return extension(OID.subjectAltName, critical, sequence(...list));
}

/** What makes a certificate an X.509-SVID leaf. @see X509-SVID section 4 */
export const LEAF_EXTENSIONS: readonly Uint8Array[] = [
  extension(OID.basicConstraints, true, sequence()),
  extension(OID.keyUsage, true, namedBits([KEY_USAGE.digitalSignature])),
  extension(OID.extKeyUsage, false, sequence(oid(OID.serverAuth), oid(OID.clientAuth))),
];

/** What makes a certificate an authority. @param pathLength  how many further authorities may follow */
export function authorityExtensions(pathLength: number, subjectKeyId: Uint8Array): readonly Uint8Array[] {
  return [
    extension(OID.basicConstraints, true, sequence(boolean(true), integer(Uint8Array.of(pathLength)))),
    extension(OID.keyUsage, true, namedBits([KEY_USAGE.keyCertSign, KEY_USAGE.cRLSign])),
    extension(OID.subjectKeyId, false, octetString(subjectKeyId)),
  ];
}

export const podUidExtension = (podUid: string): Uint8Array => extension(OID.podUid, false, utf8String(podUid));
