import type { RFC3161Timestamp } from "@sigstore/core";
import { children, type DerValue, expectTag, explicitTag, readDer, readOid, TAG } from "../../wire/x509/der.ts";
import { malformed } from "../claims/statement.ts";
import { TIMESTAMP_LIMIT_BYTES } from "./limits.ts";

/** A time that an authority outside the signer's reach vouches for. */
export interface TimestampWitness {
  /** Names the authority's certificate. */
  readonly authority: string;
  readonly atMs: number;
}

/** ECDSA with SHA-2, RSA with SHA-2, rsaEncryption as CMS may name it, Ed25519. @see RFC 5754, RFC 8419 */
const SIGNATURE_ALGORITHMS: ReadonlySet<string> = new Set([
  ...["1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"],
  ...["1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13", "1.2.840.113549.1.1.1"],
  "1.3.101.112",
]);

/**
 * What the library leaves open about a timestamp: that the authority granted it, that one authority signed it, in the
 * structure and with an algorithm the specifications name. Signature, chain and imprint are the library's work, which
 * reads a timestamp after this has found it small and well-formed.
 *
 * @throws {CodedError} DER_INVALID, EVIDENCE_MALFORMED
 * @see RFC 3161 section 2.4.2
 */
export function checkTimestamp(encoded: Buffer): void {
  if (encoded.byteLength > TIMESTAMP_LIMIT_BYTES) throw malformed(`its timestamp is of ${encoded.byteLength} bytes`);
  const [statusInfo, token, ...rest] = sequence(readDer(encoded));
  const [status, ...told] = sequence(statusInfo);
  if (!isNumber(status, 0) || told.length > 0 || rest.length > 0) throw malformed("its timestamp was not granted");
  const [, content, ...more] = sequence(token);
  if (more.length > 0) throw malformed("its timestamp is not one");
  const [signedData, ...others] = children(expectTag(content, explicitTag(0)));
  if (others.length > 0) throw malformed("its timestamp is not one");
  checkSignedData(sequence(signedData));
}

/** Who stamped it, and when, as the token says. @throws {CodedError} EVIDENCE_MALFORMED */
export function readTimestampWitness(read: RFC3161Timestamp): TimestampWitness {
  const atMs = read.signingTime.getTime();
  if (!Number.isSafeInteger(atMs)) throw malformed("its timestamp has no time");
  return { authority: `${read.signerSerialNumber.toString("hex")} ${read.signerIssuer.toString("hex")}`, atMs };
}

/** SignedData and its one SignerInfo; certificates, CRLs and unsigned attributes decide nothing. @see RFC 5652 section 5 */
function checkSignedData(fields: readonly DerValue[]): void {
  const [version, digests, content] = fields;
  const [, wrapped] = sequence(content);
  expectTag(children(expectTag(wrapped, explicitTag(0)))[0], TAG.octetString);
  const signers = children(expectTag(fields.at(-1), TAG.set));
  if (signers.length !== 1) throw malformed(`its timestamp has ${signers.length} signers, expected one`);
  const [signerVersion, signer, digest, attributes, algorithm, signatureValue] = sequence(signers[0]);
  const [issuer, serial] = sequence(signer);
  for (const [value, tag] of [
    [issuer, TAG.sequence],
    [serial, TAG.integer],
    [attributes, explicitTag(0)],
    [signatureValue, TAG.octetString],
  ] as const)
    expectTag(value, tag);
  if (!isNumber(version, 3) || !isNumber(signerVersion, 1)) throw malformed("its timestamp is of another version");
  const [named, ...rest] = children(expectTag(digests, TAG.set)).map((one) => readOid(sequence(one)[0] as DerValue));
  if (named !== readOid(sequence(digest)[0] as DerValue) || rest.length > 0)
    throw malformed("its timestamp names digest algorithms that differ");
  const [signature, ...parameters] = sequence(algorithm);
  const known = signature !== undefined && SIGNATURE_ALGORITHMS.has(readOid(signature));
  if (!known || parameters.length > 1)
    throw malformed("its timestamp is signed by an algorithm that is not understood");
}

function sequence(value: DerValue | undefined): DerValue[] {
  return children(expectTag(value, TAG.sequence));
}

function isNumber(value: DerValue | undefined, wanted: number): boolean {
  const { content } = expectTag(value, TAG.integer);
  return content.length === 1 && content[0] === wanted;
}
