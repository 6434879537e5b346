import { createHash } from "node:crypto";
import { writePem } from "../../../core/wire/x509/pem.ts";
import type { Entry } from "./log.ts";

/** What an entry is made of. */
export interface Logged {
  readonly payload: Uint8Array;
  /** The bytes the signature is over. */
  readonly signed: Uint8Array;
  readonly payloadType: string;
  readonly signature: Uint8Array;
  /** A certificate's DER, or a key's. */
  readonly verifier: { readonly der: Buffer; readonly label: "CERTIFICATE" | "PUBLIC KEY" };
  readonly keyDetails?: string;
}

/** Writes an entry of one kind as its log would. @see sigstore/rekor pkg/types; sigstore/rekor-tiles api/proto/rekor/v2 */
export type EntryWriter = (logged: Logged) => Entry;

export const ENTRIES = {
  "hashedrekord 0.0.1": (one) => ({
    apiVersion: "0.0.1",
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm: "sha256", value: hex(one.signed) } },
      signature: { content: base64(one.signature), publicKey: { content: pem(one) } },
    },
  }),
  "dsse 0.0.1": (one) => ({
    apiVersion: "0.0.1",
    kind: "dsse",
    spec: {
      envelopeHash: { algorithm: "sha256", value: hex(one.signed) },
      payloadHash: { algorithm: "sha256", value: hex(one.payload) },
      signatures: [{ signature: base64(one.signature), verifier: pem(one) }],
    },
  }),
  "intoto 0.0.2": (one) => ({
    apiVersion: "0.0.2",
    kind: "intoto",
    spec: {
      content: {
        envelope: {
          payloadType: one.payloadType,
          signatures: [{ publicKey: pem(one), sig: base64(Buffer.from(base64(one.signature))) }],
        },
        hash: { algorithm: "sha256", value: hex(one.signed) },
        payloadHash: { algorithm: "sha256", value: hex(one.payload) },
      },
    },
  }),
  "hashedrekord 0.0.2": (one) => ({
    apiVersion: "0.0.2",
    kind: "hashedrekord",
    spec: {
      hashedRekordV002: {
        data: { algorithm: "SHA2_256", digest: digest(one.signed).toString("base64") },
        signature: signatureV2(one),
      },
    },
  }),
  "dsse 0.0.2": (one) => ({
    apiVersion: "0.0.2",
    kind: "dsse",
    spec: {
      dsseV002: {
        payloadHash: { algorithm: "SHA2_256", digest: digest(one.payload).toString("base64") },
        signatures: [signatureV2(one)],
      },
    },
  }),
} as const satisfies Record<string, EntryWriter>;

export type EntryKind = keyof typeof ENTRIES;

function signatureV2({ signature, verifier, keyDetails = "PKIX_ECDSA_P256_SHA_256" }: Logged): object {
  const rawBytes = verifier.der.toString("base64");
  const who = verifier.label === "CERTIFICATE" ? { x509Certificate: { rawBytes } } : { publicKey: { rawBytes } };
  return { content: base64(signature), verifier: { keyDetails, ...who } };
}

function pem({ verifier }: Logged): string {
  return base64(Buffer.from(writePem(verifier.der, verifier.label)));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function digest(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function hex(bytes: Uint8Array): string {
  return digest(bytes).toString("hex");
}
