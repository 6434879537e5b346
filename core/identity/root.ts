import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { MINUTE_MS } from "../base/clock.ts";
import { CodedError } from "../base/errors.ts";
import { writePem } from "../wire/x509/pem.ts";
import {
  altNames,
  authorityExtensions,
  type CertificateFields,
  writeSigned,
  writeTbsCertificate,
} from "../wire/x509/writer.ts";

/**
 * One anchor of the authority, as it is kept on disk. Its life: published in the bundle, signing from a set time on,
 * then in the bundle alone until its last leaf has ended.
 */
export interface Root {
  readonly name: string;
  readonly certificatePem: string;
  /** PKCS#8; dropped once another root signs. */
  readonly keyPem?: string;
  readonly notAfterMs: number;
  /** Not before every workload has it in its bundle. */
  readonly signsFromMs: number;
  /** The longest life it has given a leaf, in milliseconds: so long a workload may not have renewed. */
  readonly longestTtlMs?: number;
  /** When it leaves the bundle; absent while no successor is known. */
  readonly retireAtMs?: number;
}

/** Leaves are signed by a root itself. */
const PATH_LENGTH = 0;
const BACK_DATED_MS = 5 * MINUTE_MS;
const SERIAL_BYTES = 16;

/** A new key and its self-signed certificate. @param signsFromMs  when it takes over from the root before it */
export function createRoot(trustDomain: string, nowMs: number, ttlMs: number, signsFromMs: number): Root {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publicKeyDer = publicKey.export({ type: "spki", format: "der" });
  const keyId = keyIdOf(publicKeyDer);
  const name = `Outrider root ${keyId.toString("hex").slice(0, 12)}`;
  const notAfterMs = Math.floor((nowMs + ttlMs) / 1000) * 1000;
  const fields = {
    serial: newSerial(),
    subjectName: name,
    notBeforeMs: nowMs - BACK_DATED_MS,
    notAfterMs,
    publicKey: publicKeyDer,
    extensions: [
      ...authorityExtensions(PATH_LENGTH, keyId),
      altNames({ uris: [`spiffe://${trustDomain}`], dns: [], ips: [] }, false),
    ],
  };
  return { name, keyPem, notAfterMs, signsFromMs, certificatePem: certify(fields, { name, keyPem, keyId }) };
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

/** The newest root whose time to sign has come. @throws {CodedError} IDENTITY_FILE when none has a key */
export function signingRoot(roots: readonly Root[], nowMs: number): Root {
  const able = roots.filter((root) => root.keyPem !== undefined && root.signsFromMs <= nowMs);
  const [newest] = able.toSorted((a, b) => b.signsFromMs - a.signsFromMs);
  if (newest !== undefined) return newest;
  const fix = "restore roots.json from its backup, or remove it to start a new trust domain";
  throw new CodedError("IDENTITY_FILE", "authority: no root with a key may sign", fix);
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
