import { createPublicKey, type KeyObject } from "node:crypto";
import {
  children,
  contextTag,
  type DerValue,
  expectTag,
  explicitTag,
  readDer,
  readOid,
  TAG,
} from "../../wire/x509/der.ts";
import { KEY_USAGE, OID, readCertificate, readExtensions } from "../../wire/x509/x509.ts";
import { malformed } from "../claims/statement.ts";
import { IDENTITY_LIMIT_CHARS } from "./limits.ts";

/** @see RFC 5280 section 4.2.1.12 */
export const EXTENDED_KEY_USAGE = { codeSigning: "1.3.6.1.5.5.7.3.3", timeStamping: "1.3.6.1.5.5.7.3.8" } as const;

/** @see sigstore/fulcio docs/oid-info.md */
const FULCIO = {
  /** The bytes of the text itself. */
  issuerV1: "1.3.6.1.4.1.57264.1.1",
  /** A DER UTF8String. */
  issuerV2: "1.3.6.1.4.1.57264.1.8",
  /** An otherName of the subject alternative name: a name in no format of its own. */
  username: "1.3.6.1.4.1.57264.1.7",
} as const;

/** Whom a certificate names, and by whose word. */
export interface CertificateIdentity {
  /** The one subject alternative name: an e-mail address or a URI. */
  readonly subject: string;
  /** The OpenID Connect issuer. */
  readonly issuer: string;
}

/** A certificate that may sign artifacts, if its chain, its log and its time hold, which is for others to check. */
export interface SigningCertificate {
  readonly der: Buffer;
  readonly key: KeyObject;
  readonly identity: CertificateIdentity;
  /** Nothing was signed with it before, in milliseconds since the epoch. */
  readonly notBeforeMs: number;
}

/**
 * Reads what Fulcio writes and refuses whatever it would not: an authority, another use, a critical extension nobody
 * here understands, no name or several, an issuer told in two ways that disagree.
 *
 * @throws {CodedError} DER_INVALID, EVIDENCE_MALFORMED
 * @see sigstore/fulcio docs/certificate-specification.md
 */
export function readSigningCertificate(der: Buffer): SigningCertificate {
  const facts = readCertificate(der);
  const [critical] = facts.unknownCritical;
  if (critical !== undefined)
    throw malformed(`its certificate has a critical extension that is not understood, ${critical}`);
  if (facts.isCa) throw malformed("its certificate is an authority's");
  if (facts.keyUsage?.has(KEY_USAGE.digitalSignature) !== true)
    throw malformed("its certificate is not for signatures");
  if (!facts.extKeyUsage.includes(EXTENDED_KEY_USAGE.codeSigning))
    throw malformed("its certificate is not for signing code");
  const fields = children(expectTag(children(readDer(der))[0], TAG.sequence));
  const extensions = readExtensions(fields.find((field) => field.tag === explicitTag(3)));
  const identity = { subject: readSubject(extensions.get(OID.subjectAltName)?.value), issuer: readIssuer(extensions) };
  const key = publicKeyOf(fields.filter(({ tag }) => tag !== explicitTag(0))[5]);
  return { der, key, identity, notBeforeMs: facts.notBeforeMs };
}

export function formatIdentity({ subject, issuer }: CertificateIdentity): string {
  return `${printable(subject)} (issuer ${printable(issuer)})`;
}

/** Certificates are shown before they are believed: one line, bounded. */
function printable(text: string): string {
  const clean = text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "?");
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
}

function publicKeyOf(info: DerValue | undefined): KeyObject {
  return createPublicKey({ key: Buffer.from(expectTag(info, TAG.sequence).encoded), format: "der", type: "spki" });
}

/** Exactly one name: of two, a verifier and a policy could each look at another. @see RFC 5280 section 4.2.1.6 */
function readSubject(extension: Uint8Array | undefined): string {
  const names = extension === undefined ? [] : children(expectTag(readDer(extension), TAG.sequence));
  const [name] = names;
  if (name === undefined || names.length > 1)
    throw malformed(`its certificate has ${names.length} names, expected one`);
  if (name.tag === contextTag(6) || name.tag === contextTag(1)) return bounded(ascii(name.content));
  if (name.tag === explicitTag(0)) return bounded(readUsername(name));
  throw malformed("its certificate names neither an e-mail address nor a URI");
}

function readUsername(name: DerValue): string {
  const [id, value] = children(name);
  if (id === undefined || readOid(id) !== FULCIO.username)
    throw malformed("its certificate has a name of unknown kind");
  return utf8(children(expectTag(value, explicitTag(0)))[0]);
}

function readIssuer(extensions: ReturnType<typeof readExtensions>): string {
  const older = extensions.get(FULCIO.issuerV1)?.value;
  const newer = extensions.get(FULCIO.issuerV2)?.value;
  const told = [
    ...(older === undefined ? [] : [decode(older)]),
    ...(newer === undefined ? [] : [utf8(readDer(newer))]),
  ];
  const [issuer] = told;
  if (issuer === undefined) throw malformed("its certificate names no issuer of the identity");
  if (told.some((other) => other !== issuer)) throw malformed("its certificate names two issuers that disagree");
  return bounded(issuer);
}

function bounded(text: string): string {
  if (text.length > 0 && text.length <= IDENTITY_LIMIT_CHARS) return text;
  throw malformed(`its certificate has a name of ${text.length} characters`);
}

function ascii(content: Uint8Array): string {
  if (content.some((byte) => byte < 0x20 || byte > 0x7e)) throw malformed("its certificate has a name outside ASCII");
  return new TextDecoder("latin1").decode(content);
}

function utf8(value: DerValue | undefined): string {
  return decode(expectTag(value, TAG.utf8String).content);
}

/** Every character of it: a mark at the beginning makes another name. */
function decode(content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    throw malformed("its certificate has a name that is not UTF-8", cause);
  }
}
