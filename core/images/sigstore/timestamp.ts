import type { RFC3161Timestamp } from "@sigstore/core";
import { children, expectTag, explicitTag, readDer, TAG } from "../../wire/x509/der.ts";
import { malformed } from "../claims/statement.ts";

/** A time that an authority outside the signer's reach vouches for. */
export interface TimestampWitness {
  /** Names the authority's certificate. */
  readonly authority: string;
  readonly atMs: number;
}

/**
 * What the library leaves open about a timestamp: that the authority granted it, and that one authority signed it.
 * Signature, chain and imprint are the library's work.
 *
 * @throws {CodedError} DER_INVALID, EVIDENCE_MALFORMED
 * @see RFC 3161 section 2.4.2, RFC 5652 section 5.1
 */
export function checkTimestamp(encoded: Buffer, read: RFC3161Timestamp): TimestampWitness {
  const [statusInfo, token, ...rest] = children(expectTag(readDer(encoded), TAG.sequence));
  const [status, ...told] = children(expectTag(statusInfo, TAG.sequence));
  const granted = expectTag(status, TAG.integer).content;
  if (granted.length !== 1 || granted[0] !== 0 || told.length > 0 || rest.length > 0)
    throw malformed("its timestamp was not granted");
  const content = children(expectTag(children(expectTag(token, TAG.sequence))[1], explicitTag(0)))[0];
  const signers = children(expectTag(children(expectTag(content, TAG.sequence)).at(-1), TAG.set));
  if (signers.length !== 1) throw malformed(`its timestamp has ${signers.length} signers, expected one`);
  const atMs = read.signingTime.getTime();
  if (!Number.isSafeInteger(atMs)) throw malformed("its timestamp has no time");
  return { authority: `${read.signerSerialNumber.toString("hex")} ${read.signerIssuer.toString("hex")}`, atMs };
}
