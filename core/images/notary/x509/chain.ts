import { Buffer } from "node:buffer";
import { KEY_USAGE } from "../../../wire/x509/x509.ts";
import { weaknessOf } from "../../keys.ts";
import { algorithmOf } from "../algorithms.ts";
import { CHAIN_LIMIT } from "../limits.ts";
import { quoted, refuse } from "../refusal.ts";
import type { Certificate } from "./certificate.ts";

/** The certificate that signs, and upwards from it. */
export type Chain = readonly [Certificate, ...Certificate[]];

/** Extended key usages. @see RFC 5280 section 4.2.1.12 */
const PURPOSE = {
  any: "2.5.29.37.0",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  emailProtection: "1.3.6.1.5.5.7.3.4",
  timeStamping: "1.3.6.1.5.5.7.3.8",
  ocspSigning: "1.3.6.1.5.5.7.3.9",
} as const;

/** A code signing certificate serves nothing else; codeSigning itself need not be named. */
const NOT_FOR_SIGNING: readonly string[] = Object.values(PURPOSE);

/** KeyUsage bits that a leaf must not have: everything but digitalSignature and nonRepudiation. */
const NOT_FOR_LEAVES = {
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: KEY_USAGE.keyCertSign,
  cRLSign: KEY_USAGE.cRLSign,
  encipherOnly: 7,
  decipherOnly: 8,
} as const;

/** How certificates may be signed: SHA-2 or Ed25519. @see RFC 4055, RFC 5758, RFC 8410 */
const SIGNATURES: readonly string[] = [
  "1.2.840.113549.1.1.10",
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
  "1.3.101.112",
];

/**
 * Holds the chain of a signature envelope to its rules: the signing certificate first, each issued by the next, a
 * self-signed root last; one certificate alone is self-signed and no authority. Says nothing of time and trust.
 *
 * @throws {Refused}
 * @see notaryproject/specifications specs/signature-specification.md, "Certificate Requirements"
 */
export function judgeSigningChain(chain: Chain): void {
  judgeOrder(chain);
  const [leaf, ...authorities] = chain;
  judgeLeaf(leaf);
  if (leaf.keyUsage?.critical !== true) refuse(`${named(leaf)} whose key usage is not critical`, "it to be");
  const other = leaf.extKeyUsage?.purposes.find((purpose) => NOT_FOR_SIGNING.includes(purpose));
  if (other !== undefined) refuse(`${named(leaf)} with extended key usage ${other}`, "a certificate for code signing");
  for (const [index, one] of authorities.entries()) judgeAuthority(one, index);
}

/** The same for the chain of a timestamp authority. @throws {Refused} @see RFC 3161 section 2.3 */
export function judgeTimestampChain(chain: Chain): void {
  judgeOrder(chain);
  const [leaf, ...authorities] = chain;
  judgeLeaf(leaf);
  const { critical, purposes = [] } = leaf.extKeyUsage ?? { critical: false };
  if (!critical || purposes.length !== 1 || purposes[0] !== PURPOSE.timeStamping)
    refuse(`${named(leaf)} that is not for timestamps alone`, "a critical extended key usage of timeStamping only");
  for (const [index, one] of authorities.entries()) {
    judgeAuthority(one, index);
    const narrowed = one.extKeyUsage?.purposes;
    if (narrowed !== undefined && !narrowed.includes(PURPOSE.timeStamping) && !narrowed.includes(PURPOSE.any))
      refuse(`${named(one)} that may not issue for timestamps`, "an authority that may");
  }
}

function judgeOrder(chain: readonly Certificate[]): void {
  if (chain.length > CHAIN_LIMIT) refuse(`a chain of ${chain.length} certificates`, `${CHAIN_LIMIT} at most`);
  for (const [index, one] of chain.entries()) {
    if (!SIGNATURES.includes(one.signatureAlgorithm))
      refuse(`${named(one)} signed by algorithm ${one.signatureAlgorithm}`, "SHA-256 or stronger");
    const weakness = weaknessOf(one.key);
    if (weakness !== undefined) refuse(`${named(one)} with ${weakness}`, "a key that only its holder can sign with");
    const isLast = index === chain.length - 1;
    const issuer = isLast ? one : chain[index + 1];
    if (!isLast && isIssuedBy(one, one)) refuse(`${named(one)} that is self-signed`, "only the root to be");
    if (issuer === undefined || !isIssuedBy(one, issuer))
      refuse(
        isLast ? `a chain that ends in ${named(one)}` : `${named(one)} that the next one did not issue`,
        isLast ? "a self-signed root" : "an ordered chain",
      );
  }
}

/** By name and by signature: a name alone is anybody's to write. */
export function isIssuedBy(one: Certificate, issuer: Certificate): boolean {
  return Buffer.compare(one.issuerDer, issuer.subjectDer) === 0 && one.signedBy(issuer.key);
}

function judgeLeaf(leaf: Certificate): void {
  if (leaf.basicConstraints?.isCa === true) refuse(`${named(leaf)} that is an authority`, "an end certificate");
  const bits = leaf.keyUsage?.bits ?? new Set();
  if (!bits.has(KEY_USAGE.digitalSignature)) refuse(`${named(leaf)} without key usage digitalSignature`, "it");
  const other = Object.entries(NOT_FOR_LEAVES).find(([, bit]) => bits.has(bit));
  if (other !== undefined) refuse(`${named(leaf)} with key usage ${other[0]}`, "digitalSignature only");
  algorithmOf(leaf.key);
}

/** @param below  authorities between this one and the leaf */
function judgeAuthority(one: Certificate, below: number): void {
  const { critical, isCa, pathLength = Number.POSITIVE_INFINITY } = one.basicConstraints ?? { isCa: false };
  if (!isCa || critical !== true) refuse(`${named(one)} that is no authority`, "critical basic constraints with cA");
  if (pathLength < below) refuse(`${named(one)} whose path length is ${pathLength}`, `${below} or more`);
  if (one.keyUsage?.critical !== true || !one.keyUsage.bits.has(KEY_USAGE.keyCertSign))
    refuse(`${named(one)} that may not sign certificates`, "a critical key usage of keyCertSign");
}

export function named({ subjectText }: Certificate): string {
  return `a certificate of ${quoted(subjectText)}`;
}
