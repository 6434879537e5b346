import { Buffer } from "node:buffer";
import { constants, createHash, type KeyObject, verify } from "node:crypto";
import { messageOf } from "../../../base/errors.ts";
import { children, type DerValue, expectTag, readTime, TAG } from "../../../wire/x509/der.ts";
import { CHAIN_LIMIT } from "../limits.ts";
import { atTime, Refused, refuse } from "../refusal.ts";
import type { Certificate } from "../x509/certificate.ts";
import { type Chain, isIssuedBy, judgeTimestampChain, named } from "../x509/chain.ts";
import { judgeRevoked } from "../x509/trust-store.ts";
import { readAlgorithm, readSignedToken, type SignedToken } from "./cms.ts";
import { hashOf, readTimestamp, type TimeRange } from "./tst-info.ts";

/** Signature algorithms by object identifier; `undefined`: the hash is the digest algorithm's. @see RFC 5754, RFC 4056 */
const SIGNATURES: Readonly<
  Record<string, { readonly key: "rsa" | "ec"; readonly pss?: true; readonly hash?: string }>
> = {
  "1.2.840.113549.1.1.1": { key: "rsa" },
  "1.2.840.113549.1.1.10": { key: "rsa", pss: true },
  "1.2.840.113549.1.1.11": { key: "rsa", hash: "sha256" },
  "1.2.840.113549.1.1.12": { key: "rsa", hash: "sha384" },
  "1.2.840.113549.1.1.13": { key: "rsa", hash: "sha512" },
  "1.2.840.10045.4.3.2": { key: "ec", hash: "sha256" },
  "1.2.840.10045.4.3.3": { key: "ec", hash: "sha384" },
  "1.2.840.10045.4.3.4": { key: "ec", hash: "sha512" },
};

/** Extensions that a timestamp authority's chain may mark critical: those that are judged here. */
const JUDGED: readonly string[] = ["2.5.29.15", "2.5.29.19", "2.5.29.37"];

/**
 * When these bytes existed, on the word of a trusted timestamp authority.
 *
 *   imprint    the token is about these bytes
 *   signer     the certificate that the token names and hashes made its signature
 *   chain      leads to a root of the store, by the rules for timestamp authorities, and nobody of it was taken back
 *   validity   every certificate of it was valid at that time
 *
 * @param token  a TimeStampToken, DER
 * @throws {Refused}
 * @see notaryproject/specifications specs/trust-store-trust-policy.md, "Validate Trusted Timestamp"; RFC 3161
 */
export function verifyTimestamp(
  token: Uint8Array,
  about: Uint8Array,
  roots: readonly Certificate[],
  revoked: ReadonlySet<string>,
): TimeRange {
  try {
    const read = readSignedToken(token);
    const range = readTimestamp(read.content, about);
    const signer = findSigner(read);
    judgeSignature(read, signer);
    const chain = chainToRoot(signer, read.certificates, roots);
    judgeTimestampChain(chain);
    judgeRevoked(chain, revoked);
    for (const one of chain) judgeAt(one, read, range);
    return range;
  } catch (cause) {
    if (cause instanceof Refused) throw cause;
    return refuse(
      `a timestamp that cannot be read (${messageOf(cause).slice(0, 120)})`,
      "an RFC 3161 token in DER",
      cause,
    );
  }
}

/** The certificate named by issuer and serial number, which the signed attributes bind by its hash. @see RFC 5035 section 4 */
function findSigner(token: SignedToken): Certificate {
  const signer = token.certificates.find(
    ({ issuerDer, serial }) =>
      Buffer.compare(issuerDer, token.issuerDer) === 0 && Buffer.compare(serial, token.serial) === 0,
  );
  if (signer === undefined) return refuse("a timestamp without its signer's certificate", "it");
  const [first] = children(expectTag(children(token.signingCertificate)[0], TAG.sequence));
  const { hash, digest } = readCertificateHash(children(expectTag(first, TAG.sequence)));
  if (Buffer.compare(digest, createHash(hash).update(signer.der).digest()) === 0) return signer;
  return refuse("a timestamp that binds another certificate", "its signer's");
}

/** ESSCertIDv2: the hash function is left out when it is SHA-256. */
function readCertificateHash([first, second]: readonly DerValue[]): { hash: string; digest: Uint8Array } {
  if (first?.tag === TAG.octetString) return { hash: "sha256", digest: first.content };
  return { hash: hashOf(readAlgorithm(first)), digest: expectTag(second, TAG.octetString).content };
}

function judgeSignature(token: SignedToken, { key }: Certificate): void {
  const digest = hashOf(token.digestAlgorithm);
  if (Buffer.compare(token.messageDigest, createHash(digest).update(token.content).digest()) !== 0)
    refuse("a timestamp whose content was changed", "what was signed");
  if (!isSignedBy(token, key, digest)) refuse("a timestamp whose signature is not its signer's", "a valid signature");
}

function isSignedBy({ signatureAlgorithm, signed, signature }: SignedToken, key: KeyObject, digest: string): boolean {
  const algorithm = Object.hasOwn(SIGNATURES, signatureAlgorithm) ? SIGNATURES[signatureAlgorithm] : undefined;
  if (algorithm === undefined || algorithm.key !== key.asymmetricKeyType)
    return refuse(`a timestamp signed by algorithm ${signatureAlgorithm}`, "RSA or ECDSA with SHA-2");
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  try {
    return verify(algorithm.hash ?? digest, signed, { key, ...(algorithm.pss ? pss : {}) }, signature);
  } catch {
    return false;
  }
}

/** From the signer upwards; a root of the store is taken before what the token brings along. */
function chainToRoot(signer: Certificate, brought: readonly Certificate[], roots: readonly Certificate[]): Chain {
  const chain: [Certificate, ...Certificate[]] = [signer];
  for (let last = signer; chain.length <= CHAIN_LIMIT; chain.push(last)) {
    if (roots.some(({ der }) => Buffer.compare(der, last.der) === 0)) return chain;
    const issuer = [...roots, ...brought].find((one) => !chain.includes(one) && isIssuedBy(last, one));
    if (issuer === undefined)
      return refuse(`a timestamp by ${named(last)}`, "one that a trusted timestamp authority issued");
    last = issuer;
  }
  return refuse(`a timestamp with a chain of more than ${CHAIN_LIMIT}`, "a shorter one");
}

function judgeAt(one: Certificate, { signingTime }: SignedToken, { atMs }: TimeRange): void {
  const unknown = one.critical.find((id) => !JUDGED.includes(id));
  if (unknown !== undefined) refuse(`${named(one)} with critical extension ${unknown}`, "none that is not understood");
  const times = [atMs, ...(signingTime === undefined ? [] : [readTime(signingTime)])];
  const outside = times.find((time) => time < one.notBeforeMs || time > one.notAfterMs);
  if (outside !== undefined)
    refuse(`a timestamp of ${atTime(outside)} by ${named(one)}`, "a time at which it was valid");
}
