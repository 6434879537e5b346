import { children, type DerValue, expectTag, explicitTag, readDer, readOid, TAG } from "../../../wire/x509/der.ts";
import { CHAIN_LIMIT } from "../limits.ts";
import { refuse } from "../refusal.ts";
import { type Certificate, readCertificate } from "../x509/certificate.ts";

/** Object identifiers. @see RFC 5652 sections 4, 5.1 and 11; RFC 3161 section 2.4.2 */
const CMS = {
  signedData: "1.2.840.113549.1.7.2",
  tstInfo: "1.2.840.113549.1.9.16.1.4",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
} as const;

/** A timestamp token taken apart: one signer over one TSTInfo. Nothing in it is believed yet. */
export interface SignedToken {
  /** The DER of the TSTInfo. */
  readonly content: Uint8Array;
  readonly certificates: readonly Certificate[];
  readonly issuerDer: Uint8Array;
  readonly serial: Uint8Array;
  readonly digestAlgorithm: string;
  readonly signatureAlgorithm: string;
  readonly signature: Uint8Array;
  /** The bytes that are signed: the attributes as a SET. */
  readonly signed: Uint8Array;
  readonly messageDigest: Uint8Array;
  /** The value of SigningCertificateV2. */
  readonly signingCertificate: DerValue;
  readonly signingTime?: DerValue;
}

/**
 * Takes a TimeStampToken apart.
 *
 * @throws {Refused | CodedError} for every other shape: no signer or several, no signed attributes, another content
 * @see RFC 5652 section 5; RFC 3161 section 2.4.2, "the SignedData ... shall not contain any signatures other than ..."
 */
export function readSignedToken(token: Uint8Array): SignedToken {
  const [type, wrapped] = children(expectTag(readDer(token), TAG.sequence));
  expectOid(type, CMS.signedData, "a token that is no signed data");
  const [, , encapsulated, ...rest] = children(inside(wrapped, TAG.sequence));
  const signers = children(expectTag(rest.at(-1), TAG.set));
  const [signer] = signers;
  if (signer === undefined || signers.length > 1) refuse(`a token of ${signers.length} signers`, "one");
  return { content: readContent(encapsulated), certificates: readCertificates(rest[0]), ...readSigner(signer) };
}

/** The one value within an explicit [0]. */
function inside(value: DerValue | undefined, tag: number): DerValue {
  return expectTag(children(expectTag(value, explicitTag(0)))[0], tag);
}

function readContent(encapsulated: DerValue | undefined): Uint8Array {
  const [type, content] = children(expectTag(encapsulated, TAG.sequence));
  expectOid(type, CMS.tstInfo, "a token about something else");
  return inside(content, TAG.octetString).content;
}

function readCertificates(value: DerValue | undefined): readonly Certificate[] {
  if (value?.tag !== explicitTag(0)) return refuse("a token without certificates", "the timestamp authority's");
  const list = children(value);
  if (list.length > CHAIN_LIMIT) refuse(`a token of ${list.length} certificates`, `${CHAIN_LIMIT} at most`);
  return list.map(({ encoded }) => readCertificate(encoded));
}

type Signer = Omit<SignedToken, "content" | "certificates">;

/** @see RFC 5652 section 5.3; version 1 names its certificate by issuer and serial number */
function readSigner(signer: DerValue): Signer {
  const [, identifier, digest, attributes, algorithm, signature] = children(expectTag(signer, TAG.sequence));
  const [issuer, serial] = children(expectTag(identifier, TAG.sequence));
  const byType = readAttributes(expectTag(attributes, explicitTag(0)));
  expectOid(only(byType, CMS.contentType), CMS.tstInfo, "signed attributes about something else");
  const signingTime = byType.get(CMS.signingTime);
  return {
    issuerDer: expectTag(issuer, TAG.sequence).encoded,
    serial: expectTag(serial, TAG.integer).content,
    digestAlgorithm: readAlgorithm(digest),
    signatureAlgorithm: readAlgorithm(algorithm),
    signature: expectTag(signature, TAG.octetString).content,
    signed: asSet(expectTag(attributes, explicitTag(0))),
    messageDigest: expectTag(only(byType, CMS.messageDigest), TAG.octetString).content,
    signingCertificate: expectTag(only(byType, CMS.signingCertificateV2), TAG.sequence),
    ...(signingTime === undefined ? {} : { signingTime }),
  };
}

/** Signed attributes by type, each with its one value. @see RFC 5652 section 11: they must not be there twice */
function readAttributes(list: DerValue): ReadonlyMap<string, DerValue> {
  const byType = new Map<string, DerValue>();
  for (const attribute of children(list)) {
    const [type, values] = children(expectTag(attribute, TAG.sequence));
    const [value, ...more] = children(expectTag(values, TAG.set));
    const name = readOid(expectTag(type, TAG.oid));
    if (value === undefined || more.length > 0 || byType.has(name))
      return refuse(`a signed attribute ${name} of no one value`, "one value for each");
    byType.set(name, value);
  }
  return byType;
}

function only(attributes: ReadonlyMap<string, DerValue>, name: string): DerValue {
  return attributes.get(name) ?? refuse(`a token without the signed attribute ${name}`, "it");
}

/** What is signed has the tag of a SET where the token has [0]. @see RFC 5652 section 5.4 */
function asSet({ encoded }: DerValue): Uint8Array {
  const copy = Uint8Array.from(encoded);
  copy[0] = TAG.set;
  return copy;
}

export function readAlgorithm(value: DerValue | undefined): string {
  return readOid(expectTag(children(expectTag(value, TAG.sequence))[0], TAG.oid));
}

function expectOid(value: DerValue | undefined, wanted: string, found: string): void {
  const oid = readOid(expectTag(value, TAG.oid));
  if (oid !== wanted) refuse(`${found} (${oid})`, wanted);
}
