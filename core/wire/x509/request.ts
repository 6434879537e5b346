import { children, derInvalid, expectTag, explicitTag, readBitString, readDer, readOid, TAG } from "./der.ts";
import { type AltNames, OID, readAltNames, readExtensions } from "./x509.ts";

/** A PKCS#10 request, unverified: the caller checks the signature and ignores every name it does not expect. */
export interface CertificateRequest {
  /** The bytes the signature covers. */
  readonly info: Uint8Array;
  /** SubjectPublicKeyInfo, DER; its algorithm is EC on P-256. */
  readonly publicKey: Uint8Array;
  /** ECDSA with SHA-256, DER. */
  readonly signature: Uint8Array;
  /** Names asked for; the authority never takes a name from here. */
  readonly altNames: AltNames;
}

/** Largest request read, in bytes; ours have about 300. */
export const REQUEST_LIMIT_BYTES = 8 * 1024;
/** Uncompressed point: 0x04, then two coordinates of 32 bytes. */
const P256_POINT_BYTES = 65;

/**
 * Reads a request from a peer that has proved nothing yet.
 *
 * @throws {CodedError} DER_INVALID unless it is PKCS#10 version 1, P-256, ecdsa-with-SHA256
 * @see RFC 2986 section 4
 */
export function readCertificateRequest(encoded: Uint8Array): CertificateRequest {
  if (encoded.length > REQUEST_LIMIT_BYTES) throw derInvalid(`request larger than ${REQUEST_LIMIT_BYTES} bytes`);
  const [info, algorithm, signature] = exactly(3, children(expectTag(readDer(encoded), TAG.sequence)));
  if (readOid(expectTag(children(expectTag(algorithm, TAG.sequence))[0], TAG.oid)) !== OID.ecdsaWithSha256) {
    throw derInvalid("request not signed by ECDSA with SHA-256");
  }
  const [version, subject, publicKey, attributes] = children(expectTag(info, TAG.sequence));
  const versionBytes = expectTag(version, TAG.integer).content;
  if (versionBytes.length !== 1 || versionBytes[0] !== 0) throw derInvalid("request version is not 1");
  expectTag(subject, TAG.sequence);
  const signatureBits = readBitString(expectTag(signature, TAG.bitString));
  if (signatureBits.unusedBits !== 0) throw derInvalid("signature of odd bits");
  return {
    info: expectTag(info, TAG.sequence).encoded,
    publicKey: readP256Key(expectTag(publicKey, TAG.sequence).encoded),
    signature: signatureBits.bytes,
    altNames: readAskedNames(expectTag(attributes, explicitTag(0)).content),
  };
}

function readP256Key(encoded: Uint8Array): Uint8Array {
  const [algorithm, point] = exactly(2, children(readDer(encoded)));
  const [kind, curve] = exactly(2, children(expectTag(algorithm, TAG.sequence)));
  const bits = readBitString(expectTag(point, TAG.bitString));
  const named =
    readOid(expectTag(kind, TAG.oid)) === OID.ecPublicKey && readOid(expectTag(curve, TAG.oid)) === OID.p256;
  if (!named || bits.unusedBits !== 0 || bits.bytes.length !== P256_POINT_BYTES || bits.bytes[0] !== 4) {
    throw derInvalid("public key is not an uncompressed point of P-256");
  }
  return encoded;
}

const NO_NAMES: AltNames = { uris: [], dns: [], ips: [], others: 0 };

/** The SubjectAltName of the extensionRequest attribute (RFC 2985 section 5.4.2), if it is there. */
function readAskedNames(attributes: Uint8Array): AltNames {
  const asked = children({ tag: TAG.set, content: attributes, encoded: attributes })
    .map((attribute) => exactly(2, children(expectTag(attribute, TAG.sequence))))
    .filter(([id]) => readOid(expectTag(id, TAG.oid)) === OID.extensionRequest);
  if (asked.length > 1) throw derInvalid("two extension requests");
  const values = asked[0]?.[1];
  if (values === undefined) return NO_NAMES;
  const names = readExtensions(expectTag(values, TAG.set)).get(OID.subjectAltName);
  return names === undefined ? NO_NAMES : readAltNames(readDer(names.value));
}

function exactly<T>(count: number, list: readonly T[]): readonly T[] {
  if (list.length === count) return list;
  throw derInvalid(`expected ${count} values in one, found ${list.length}`);
}
