import { createHash } from "node:crypto";
import type { Artifact, Material } from "../../../core/images/claims/artifact.ts";
import type { Discovered } from "../../../core/policy/evidence.ts";
import type { JsonRecord, SigstoreRoot } from "../../../core/policy/images/schema/trust-root.ts";
import { preAuthEncoding, writeEnvelope } from "../../../core/wire/dsse.ts";
import { writePem } from "../../../core/wire/x509/pem.ts";
import { createCertificateLog } from "./certificate-log.ts";
import {
  authorityCertificate,
  generateKeys,
  type Issuer,
  type KeyKind,
  type KeyPair,
  type Leaf,
  leafExtensions,
  signCertificate,
  signWith,
  tbsCertificate,
  USAGE,
} from "./certificates.ts";
import { ENTRIES, type EntryKind, type Logged } from "./entries.ts";
import { createRekorV1, createRekorV2, type LoggedEntry } from "./log.ts";
import { createTimestampAuthority } from "./timestamp-authority.ts";

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
export const IN_TOTO = "application/vnd.in-toto+json";

/** When everything happens, unless a test says otherwise. */
export const SIGNED_AT_MS = Date.parse("2026-03-01T12:00:00Z");
const VALIDITY = { notBeforeMs: SIGNED_AT_MS - YEAR_MS, notAfterMs: SIGNED_AT_MS + 10 * YEAR_MS };
const VALID_FOR = { start: new Date(VALIDITY.notBeforeMs).toISOString() };

/** Somebody with a certificate of the test instance, good for ten minutes from SIGNED_AT_MS, or with a plain key. */
export interface Holder {
  readonly keys: KeyPair;
  readonly certificate?: Buffer;
}

/** How one signature is wrapped and witnessed. */
export interface Wrapping {
  readonly version?: 1 | 2 | 3;
  /** The kinds of its log entries. Kinds of 0.0.2 except intoto's go to Rekor v2. */
  readonly entries?: readonly EntryKind[];
  readonly timestamp?: boolean;
  readonly atMs?: number;
}

/**
 * A whole Sigstore instance in memory, written from the specifications: certificate authority, certificate log, Rekor v1
 * and v2, timestamp authority.
 */
export function createSigstore() {
  const rootCa = authorityCertificate("test root", VALIDITY);
  const fulcio = authorityCertificate("test intermediate", VALIDITY, rootCa, { usage: USAGE.codeSigning });
  const certificateLog = createCertificateLog();
  const rekorV1 = createRekorV1();
  const rekorV2 = createRekorV2();
  const stamps = createTimestampAuthority(VALIDITY);

  function issue(leaf: Leaf, options: { kind?: KeyKind; atMs?: number; sct?: boolean; issuer?: Issuer } = {}): Holder {
    const { kind = "p256", atMs = SIGNED_AT_MS, sct = true, issuer = fulcio } = options;
    const keys = generateKeys(kind);
    const validity = { notBeforeMs: atMs, notAfterMs: atMs + 10 * 60_000 };
    const write = (extensions: readonly Uint8Array[]) => tbsCertificate(issuer, "", keys.spki, validity, extensions);
    const extensions = leafExtensions(leaf);
    const witnessed = sct ? [certificateLog.witness(write(extensions), issuer, atMs)] : [];
    return { keys, certificate: signCertificate(issuer, write([...extensions, ...witnessed])) };
  }

  function logEntries(holder: Holder, logged: Omit<Logged, "verifier">, how: Wrapping): LoggedEntry[] {
    const { entries = ["dsse 0.0.1"], atMs = SIGNED_AT_MS } = how;
    const { certificate, keys } = holder;
    const verifier =
      certificate === undefined
        ? ({ der: keys.spki, label: "PUBLIC KEY" } as const)
        : ({ der: certificate, label: "CERTIFICATE" } as const);
    return entries.map((kind) => {
      const log = kind.endsWith("0.0.2") && !kind.startsWith("intoto") ? rekorV2 : rekorV1;
      return log.add(ENTRIES[kind]({ ...logged, verifier }), atMs);
    });
  }

  /** A statement in an envelope in a bundle. */
  function bundle(holder: Holder, statement: object, how: Wrapping = {}): JsonRecord {
    const { version = 3, timestamp = false, atMs = SIGNED_AT_MS } = how;
    const payload = Buffer.from(JSON.stringify(statement));
    const signed = preAuthEncoding(IN_TOTO, payload);
    const signature = signWith(holder.keys, signed);
    const entries = logEntries(holder, { payload, signed, payloadType: IN_TOTO, signature }, how);
    const stamp = () => [{ signedTimestamp: stamps.stamp(signature, atMs).toString("base64") }];
    return json({
      mediaType: mediaType(version),
      verificationMaterial: {
        ...signerOf(holder, version),
        tlogEntries: entries,
        timestampVerificationData: { rfc3161Timestamps: timestamp ? stamp() : [] },
      },
      dsseEnvelope: writeEnvelope({ payloadType: IN_TOTO, payload, signatures: [signature] }),
    });
  }

  function material(holder: Holder, entry: LoggedEntry | undefined, stamped: Uint8Array | undefined): Material {
    return {
      ...(holder.certificate === undefined
        ? {}
        : {
            certificate: writePem(holder.certificate, "CERTIFICATE"),
            chain: [fulcio, rootCa].map(({ der }) => writePem(der, "CERTIFICATE")).join(""),
          }),
      ...(entry === undefined ? {} : { rekorBundle: JSON.stringify(rekorBundle(entry)) }),
      ...(stamped === undefined
        ? {}
        : {
            rfc3161Timestamp: JSON.stringify({
              SignedRFC3161Timestamp: stamps.stamp(stamped, SIGNED_AT_MS).toString("base64"),
            }),
          }),
    };
  }

  /** A simple-signing payload with cosign's annotations. */
  function simple(holder: Holder, claim: object, how: Wrapping = {}): Extract<Artifact, { kind: "simple" }> {
    const bytes = Buffer.from(JSON.stringify(claim));
    const signature = signWith(holder.keys, bytes);
    const logged = { payload: bytes, signed: bytes, payloadType: "", signature };
    const [entry] = logEntries(holder, logged, { entries: ["hashedrekord 0.0.1"], ...how });
    const beside = material(holder, entry, how.timestamp === true ? signature : undefined);
    return { kind: "simple", bytes, signature: signature.toString("base64"), material: beside };
  }

  /** An envelope with cosign's annotations. */
  function envelope(holder: Holder, statement: object, how: Wrapping = {}): Extract<Artifact, { kind: "envelope" }> {
    const payload = Buffer.from(JSON.stringify(statement));
    const signed = preAuthEncoding(IN_TOTO, payload);
    const signature = signWith(holder.keys, signed);
    const [entry] = logEntries(holder, { payload, signed, payloadType: IN_TOTO, signature }, how);
    const bytes = Buffer.from(
      JSON.stringify(writeEnvelope({ payloadType: IN_TOTO, payload, signatures: [signature] })),
    );
    return { kind: "envelope", bytes, material: material(holder, entry, how.timestamp === true ? bytes : undefined) };
  }

  const trustedRoot = (): JsonRecord =>
    json({
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [
        logInRoot("https://rekor.test", rekorV1.keys, rekorV1.id, "PKIX_ECDSA_P256_SHA_256"),
        logInRoot(`https://${rekorV2.name}`, rekorV2.keys, rekorV2.id, "PKIX_ED25519"),
      ],
      certificateAuthorities: [authorityInRoot("https://fulcio.test", [fulcio.der, rootCa.der])],
      ctlogs: [logInRoot("https://ctfe.test", certificateLog.keys, certificateLog.id, "PKIX_ECDSA_P256_SHA_256")],
      timestampAuthorities: [authorityInRoot("https://timestamp.test", stamps.chain)],
    });

  const root = (requires: Partial<SigstoreRoot["requires"]> = {}): SigstoreRoot => ({
    trustedRoot: trustedRoot(),
    requires: { transparencyLog: 1, timestamps: 0, sct: 1, ...requires },
  });

  return {
    issue,
    bundle,
    simple,
    envelope,
    trustedRoot,
    root,
    stamps,
    fulcio,
    rootCa,
    certificateLog,
    rekorV1,
    rekorV2,
  };
}

export function bundleArtifact(bundle: JsonRecord): Discovered<Artifact> {
  return { kind: "bundle", bytes: Buffer.from(JSON.stringify(bundle)) } as unknown as Discovered<Artifact>;
}

function mediaType(version: 1 | 2 | 3): string {
  return version === 3
    ? "application/vnd.dev.sigstore.bundle.v0.3+json"
    : `application/vnd.dev.sigstore.bundle+json;version=0.${version}`;
}

/** A certificate as the version has it, or a hint of the key: base64 of its SHA-256, as cosign writes it. */
function signerOf({ keys, certificate }: Holder, version: 1 | 2 | 3): object {
  if (certificate === undefined)
    return { publicKey: { hint: createHash("sha256").update(keys.spki).digest("base64") } };
  const rawBytes = certificate.toString("base64");
  return version === 3 ? { certificate: { rawBytes } } : { x509CertificateChain: { certificates: [{ rawBytes }] } };
}

function rekorBundle({ canonicalizedBody, integratedTime, logIndex, logId, inclusionPromise }: LoggedEntry): object {
  return {
    SignedEntryTimestamp: inclusionPromise?.signedEntryTimestamp,
    Payload: {
      body: canonicalizedBody,
      integratedTime: Number(integratedTime),
      logIndex: Number(logIndex),
      logID: Buffer.from(logId.keyId, "base64").toString("hex"),
    },
  };
}

function logInRoot(baseUrl: string, { spki }: KeyPair, id: Buffer, keyDetails: string): object {
  return {
    baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: { rawBytes: spki.toString("base64"), keyDetails, validFor: VALID_FOR },
    logId: { keyId: id.toString("base64") },
  };
}

function authorityInRoot(uri: string, chain: readonly Buffer[]): object {
  return {
    subject: { organization: "test", commonName: "test" },
    uri,
    certChain: { certificates: chain.map((der) => ({ rawBytes: der.toString("base64") })) },
    validFor: VALID_FOR,
  };
}

function json(value: object): JsonRecord {
  return JSON.parse(JSON.stringify(value)) as JsonRecord;
}
