import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { MINUTE_MS } from "../base/clock.ts";
import { CodedError } from "../base/errors.ts";
import { writePem } from "../wire/pem.ts";
import {
  altNames,
  authorityExtensions,
  type CertificateFields,
  writeSigned,
  writeTbsCertificate,
} from "../wire/x509-writer.ts";

/** One anchor of the authority, as it is kept on disk. */
export interface Root {
  readonly name: string;
  readonly certificatePem: string;
  /** PKCS#8; absent once another root signs. */
  readonly keyPem?: string;
  /** This root's key certified by the root before it, for peers that know only that one. */
  readonly crossPem?: string;
  readonly notAfterMs: number;
  /** When it leaves the bundle; absent on the signing root. */
  readonly retireAtMs?: number;
}

/** How many authorities may follow a root: one cross-signed certificate per root still alive. */
const PATH_LENGTH = 4;
const BACK_DATED_MS = 5 * MINUTE_MS;
const SERIAL_BYTES = 16;

export function createRoot(trustDomain: string, nowMs: number, ttlMs: number): Root {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publicKeyDer = publicKey.export({ type: "spki", format: "der" });
  const name = `Outrider root ${keyIdOf(publicKeyDer).toString("hex").slice(0, 12)}`;
  const notAfterMs = Math.floor((nowMs + ttlMs) / 1000) * 1000;
  const fields = authorityFields({ name, publicKeyDer, trustDomain, nowMs, notAfterMs });
  const signer = { name, keyPem, keyId: keyIdOf(publicKeyDer) };
  return { name, keyPem, notAfterMs, certificatePem: certify(fields, signer) };
}

/** `root`'s name and key, certified by `older`. */
export function crossSign(root: Root, older: Root, nowMs: number): string {
  const certificate = new X509Certificate(root.certificatePem);
  const publicKeyDer = certificate.publicKey.export({ type: "spki", format: "der" });
  const trustDomain = (certificate.subjectAltName ?? "").replace(/^URI:spiffe:\/\//, "");
  const notAfterMs = Math.min(root.notAfterMs, older.notAfterMs);
  return certify(authorityFields({ name: root.name, publicKeyDer, trustDomain, nowMs, notAfterMs }), signerOf(older));
}

interface AuthorityKey {
  readonly name: string;
  readonly publicKeyDer: Uint8Array;
  readonly trustDomain: string;
  readonly nowMs: number;
  readonly notAfterMs: number;
}

function authorityFields(key: AuthorityKey): Omit<CertificateFields, "issuerName" | "authorityKeyId"> {
  const uri = altNames({ uris: [`spiffe://${key.trustDomain}`], dns: [], ips: [] }, false);
  return {
    serial: newSerial(),
    subjectName: key.name,
    notBeforeMs: key.nowMs - BACK_DATED_MS,
    notAfterMs: key.notAfterMs,
    publicKey: key.publicKeyDer,
    extensions: [...authorityExtensions(PATH_LENGTH, keyIdOf(key.publicKeyDer)), uri],
  };
}

/** What signs: a root's name and key, and the id leaves point back with. */
export interface Signer {
  readonly name: string;
  readonly keyPem: string;
  readonly keyId: Uint8Array;
}

export function signerOf(root: Root): Signer {
  if (root.keyPem === undefined)
    throw new CodedError("IDENTITY_FILE", `${root.name}: its key is gone`, "rotate the root");
  const publicKeyDer = createPublicKey(root.keyPem).export({ type: "spki", format: "der" });
  return { name: root.name, keyPem: root.keyPem, keyId: keyIdOf(publicKeyDer) };
}

export function signingRoot(roots: readonly Root[]): Root {
  const root = roots.find((candidate) => candidate.keyPem !== undefined);
  if (root !== undefined) return root;
  throw new CodedError(
    "IDENTITY_FILE",
    "authority: no root with a key",
    "restore roots.json from its backup, or remove it to start a new trust domain",
  );
}

/** Signs a certificate's fields. @returns PEM */
export function certify(fields: Omit<CertificateFields, "issuerName" | "authorityKeyId">, signer: Signer): string {
  const tbs = writeTbsCertificate({ ...fields, issuerName: signer.name, authorityKeyId: signer.keyId });
  return writePem(writeSigned(tbs, sign("sha256", tbs, privateKeyOf(signer))), "CERTIFICATE");
}

/** Parsing a PEM key costs more than a signature: keep the parsed form beside the signer it belongs to. */
const parsedKeys = new WeakMap<Signer, ReturnType<typeof createPrivateKey>>();

function privateKeyOf(signer: Signer): ReturnType<typeof createPrivateKey> {
  const known = parsedKeys.get(signer) ?? createPrivateKey(signer.keyPem);
  parsedKeys.set(signer, known);
  return known;
}

/** Random and positive: 127 bits, the first byte never zero. @see RFC 5280 section 4.1.2.2 */
export function newSerial(): Uint8Array {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** @see RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the key */
function keyIdOf(publicKeyDer: Uint8Array): Buffer {
  return createHash("sha256").update(publicKeyDer).digest().subarray(0, 20);
}
