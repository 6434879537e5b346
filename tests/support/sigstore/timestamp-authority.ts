import { createHash, sign, X509Certificate } from "node:crypto";
import { children, explicitTag, readDer, TAG } from "../../../core/wire/x509/der.ts";
import { der, integer, octetString, oid, sequence, setOf } from "../../../core/wire/x509/der-writer.ts";
import { authorityCertificate, type Issuer, USAGE, type Validity } from "./certificates.ts";

/** Stamps what it is shown. @see RFC 3161 */
export interface TimestampAuthority {
  /** Leaf first. */
  readonly chain: readonly Buffer[];
  /** TimeStampResp, DER. @param status  PKIStatus; 0 is granted */
  stamp(content: Uint8Array, atMs: number, status?: number): Buffer;
}

const ID = {
  signedData: "1.2.840.113549.1.7.2",
  tstInfo: "1.2.840.113549.1.9.16.1.4",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
  sha256: "2.16.840.1.101.3.4.2.1",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  policy: "1.3.6.1.4.1.57264.2",
} as const;

export function createTimestampAuthority(
  validity: Validity,
  options: { readonly usage?: string } = {},
): TimestampAuthority {
  const root = authorityCertificate("test timestamp root", validity);
  const usage = options.usage ?? USAGE.timeStamping;
  const leaf = authorityCertificate("test timestamp authority", validity, root, { isCa: false, usage });
  return {
    chain: [leaf.der, root.der],
    stamp: (content, atMs, status = 0) =>
      Buffer.from(sequence(sequence(integer(Uint8Array.of(status))), token(leaf, content, atMs))),
  };
}

/** ContentInfo of SignedData. @see RFC 5652 section 5.1 */
function token(leaf: Issuer, content: Uint8Array, atMs: number): Uint8Array {
  const info = tstInfo(content, atMs);
  const signedData = sequence(
    integer(Uint8Array.of(3)),
    setOf(algorithm(ID.sha256)),
    sequence(oid(ID.tstInfo), der(explicitTag(0), octetString(info))),
    setOf(signerInfo(leaf, info)),
  );
  return sequence(oid(ID.signedData), der(explicitTag(0), signedData));
}

function tstInfo(content: Uint8Array, atMs: number): Uint8Array {
  const time = new Date(atMs)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:T]/g, "");
  return sequence(
    integer(Uint8Array.of(1)),
    oid(ID.policy),
    sequence(algorithm(ID.sha256), octetString(sha256(content))),
    integer(Uint8Array.of(7)),
    der(TAG.generalizedTime, new TextEncoder().encode(time)),
  );
}

/** @see RFC 5652 section 5.3; RFC 5816 for the certificate's hash */
function signerInfo(leaf: Issuer, info: Uint8Array): Uint8Array {
  const attributes = [
    attribute(ID.contentType, oid(ID.tstInfo)),
    attribute(ID.messageDigest, octetString(sha256(info))),
    attribute(ID.signingCertificateV2, sequence(sequence(sequence(octetString(sha256(leaf.der)))))),
  ].toSorted(Buffer.compare);
  const signature = sign("sha256", setOf(...attributes), leaf.keys.privateKey);
  return sequence(
    integer(Uint8Array.of(1)),
    issuerAndSerial(leaf.der),
    algorithm(ID.sha256),
    der(explicitTag(0), ...attributes),
    algorithm(ID.ecdsaWithSha256),
    octetString(signature),
  );
}

function issuerAndSerial(certificate: Buffer): Uint8Array {
  const [tbs] = children(readDer(certificate));
  const fields = tbs === undefined ? [] : children(tbs);
  const serial = Buffer.from(new X509Certificate(certificate).serialNumber, "hex");
  return sequence(fields[3]?.encoded ?? new Uint8Array(), integer(serial));
}

function attribute(id: string, value: Uint8Array): Uint8Array {
  return sequence(oid(id), setOf(value));
}

function algorithm(id: string): Uint8Array {
  return sequence(oid(id));
}

function sha256(content: Uint8Array): Buffer {
  return createHash("sha256").update(content).digest();
}
