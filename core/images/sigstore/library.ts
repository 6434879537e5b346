import { createHash, type KeyObject } from "node:crypto";
import type { RFC3161Timestamp, X509Certificate } from "@sigstore/core";
import type { SignedEntity, TrustMaterial } from "@sigstore/verify";
import { children, derInvalid, readDer } from "../../wire/x509/der.ts";
import { hashesOf, signedBy } from "../keys.ts";
import type { SignedMaterial } from "./material.ts";
import type { CertificateAuthority, Log, SigstoreInstance, Validity } from "./trusted-root.ts";

/**
 * The one door to @sigstore/verify and @sigstore/core, which are loaded when the first signature by a certificate or with
 * a log entry is verified: who trusts keys alone does not pay for them.
 */
export interface SigstoreLibrary {
  readTimestamp(encoded: Buffer): RFC3161Timestamp;
  /**
   * Chain, signed certificate timestamps, log signatures, Merkle proofs, timestamps and the signature itself.
   * @throws {VerificationError} or any other error on hostile bytes
   */
  verify(material: SignedMaterial, timestamps: readonly RFC3161Timestamp[], signer: Buffer | KeyObject): void;
}

export async function loadLibrary(instance: SigstoreInstance): Promise<SigstoreLibrary> {
  const [{ Verifier }, { X509Certificate: Certificate, RFC3161Timestamp: Timestamp }] = await Promise.all([
    import("@sigstore/verify"),
    import("@sigstore/core"),
  ]);
  const authority = ({ chain, validity }: CertificateAuthority) => ({
    certChain: chain.map((der) => withEncoding(Certificate.parse(Buffer.from(der)), der)),
    validFor: window(validity),
  });
  const trust = {
    certificateAuthorities: instance.certificateAuthorities.map(authority),
    timestampAuthorities: instance.timestampAuthorities.map(authority),
    tlogs: instance.logs.map(logAuthority),
    ctlogs: instance.certificateLogs.map(logAuthority),
  };
  const { transparencyLog: tlogThreshold, timestamps: least, sct: ctlogThreshold } = instance.requires;
  return {
    readTimestamp: (encoded) => Timestamp.parse(Buffer.from(encoded)),
    verify: (material, timestamps, signer) => {
      const certified = Buffer.isBuffer(signer);
      const timestampThreshold = certified ? Math.max(1, least) : least;
      const verifier = new Verifier(withKey(trust, signer), { tlogThreshold, ctlogThreshold, timestampThreshold });
      const key = certified
        ? ({ $case: "certificate", certificate: withEncoding(Certificate.parse(Buffer.from(signer)), signer) } as const)
        : ({ $case: "public-key", hint: "" } as const);
      verifier.verify({ ...entityOf(material, timestamps), key });
    },
  };
}

/**
 * The library encodes a certificate, the part of it that is signed and its key anew each time it looks at them, which is
 * half of its time. What was received is what was signed: it is kept and given back.
 */
function withEncoding(certificate: X509Certificate, der: Buffer): X509Certificate {
  const { root, tbsCertificate } = certificate;
  const [tbs] = children(readDer(der));
  const info = tbs === undefined ? undefined : children(tbs)[PUBLIC_KEY_INFO];
  if (tbs === undefined || info === undefined) throw derInvalid("a certificate without a key");
  const parts = [
    [root, der],
    [tbsCertificate, tbs.encoded],
    [tbsCertificate.subs[PUBLIC_KEY_INFO], info.encoded],
  ] as const;
  for (const [part, encoded] of parts) if (part !== undefined) part.toDER = () => Buffer.from(encoded);
  return certificate;
}

/** Where a certificate with extensions keeps its key, counted from 0. @see RFC 5280 section 4.1 */
const PUBLIC_KEY_INFO = 6;

function withKey(trust: Omit<TrustMaterial, "publicKey">, signer: Buffer | KeyObject): TrustMaterial {
  const publicKey = () => {
    if (Buffer.isBuffer(signer)) throw new Error("a certificate, not a key");
    return { publicKey: signer, validFor: () => true };
  };
  return { ...trust, publicKey };
}

function entityOf(material: SignedMaterial, timestamps: readonly RFC3161Timestamp[]): Omit<SignedEntity, "key"> {
  const { entries, signatures, signed, payload, stamped } = material;
  const only = Buffer.from(signatures[0] ?? []);
  return {
    tlogEntries: [...entries],
    timestamps: [
      ...entries
        .filter(({ integratedTime }) => Number(integratedTime) > 0)
        .map((tlogEntry) => ({ $case: "transparency-log" as const, tlogEntry })),
      ...timestamps.map((timestamp) => ({ $case: "timestamp-authority" as const, timestamp })),
    ],
    signature: {
      signature: Buffer.from(stamped),
      compareSignature: (other) => only.equals(other),
      compareDigest: (digest) => digestIs(payload, digest),
      compareSignedDigest: (digest) => digestIs(signed, digest),
      verifySignature: (key) => signedBy({ key, hashes: hashesOf(key) ?? [] }, signed, only),
    },
  };
}

const HASH_OF_BYTES: ReadonlyMap<number, string> = new Map([
  [32, "sha256"],
  [48, "sha384"],
  [64, "sha512"],
]);

function digestIs(content: Uint8Array, digest: Buffer): boolean {
  const hash = HASH_OF_BYTES.get(digest.length);
  return hash !== undefined && createHash(hash).update(content).digest().equals(digest);
}

function logAuthority({ id, name, key, validity }: Log): TrustMaterial["tlogs"][number] {
  return { logID: Buffer.from(id, "base64"), baseURL: name, publicKey: key, validFor: window(validity) };
}

/** The last moment that a Date can hold. */
const END_OF_TIME_MS = 8.64e15;

function window({ startMs, endMs }: Validity): { start: Date; end: Date } {
  return { start: new Date(startMs), end: new Date(Math.min(endMs, END_OF_TIME_MS)) };
}
