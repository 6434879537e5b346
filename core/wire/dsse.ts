import { CodedError } from "../base/errors.ts";

/**
 * Dead Simple Signing Envelope, version 1: a payload with its type and signatures over both.
 * @see https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md
 */
export interface DsseEnvelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signatures: readonly Uint8Array[];
}

/** Signatures read from one envelope; cosign writes one. */
export const DSSE_SIGNATURES_LIMIT = 16;
/** Longest payload type, in characters. */
const PAYLOAD_TYPE_LIMIT_CHARS = 256;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/**
 * The bytes that are signed: `DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload`, lengths in bytes, decimal.
 * @see https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
 */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = new TextEncoder().encode(payloadType);
  const head = new TextEncoder().encode(`DSSEv1 ${type.byteLength} ${payloadType} ${payload.byteLength} `);
  const out = new Uint8Array(head.byteLength + payload.byteLength);
  out.set(head);
  out.set(payload, head.byteLength);
  return out;
}

/**
 * Reads an envelope's JSON value.
 *
 * @throws {CodedError} EVIDENCE_MALFORMED
 */
export function readEnvelope(json: unknown): DsseEnvelope {
  const { payloadType, payload, signatures } = (json ?? {}) as Record<string, unknown>;
  if (typeof payloadType !== "string" || payloadType.length > PAYLOAD_TYPE_LIMIT_CHARS)
    throw malformed("payloadType is not a short string");
  if (typeof payload !== "string") throw malformed("payload is not a string");
  if (!Array.isArray(signatures) || signatures.length === 0) throw malformed("it has no signatures");
  if (signatures.length > DSSE_SIGNATURES_LIMIT)
    throw malformed(`it has more than ${DSSE_SIGNATURES_LIMIT} signatures`);
  return {
    payloadType,
    payload: fromBase64(payload),
    signatures: signatures.map((signature: unknown) => readSignature(signature)),
  };
}

/** An envelope as JSON value, in the form cosign writes: standard base64, an empty key id. */
export function writeEnvelope({ payloadType, payload, signatures }: DsseEnvelope): object {
  return {
    payloadType,
    payload: toBase64(payload),
    signatures: signatures.map((signature) => ({ keyid: "", sig: toBase64(signature) })),
  };
}

function readSignature(value: unknown): Uint8Array {
  const sig = (value as { sig?: unknown } | null)?.sig;
  if (typeof sig !== "string") throw malformed("a signature has no sig");
  return fromBase64(sig);
}

/** Base64 in either alphabet, as the specification allows. */
function fromBase64(text: string): Uint8Array {
  if (!BASE64.test(text)) throw malformed("it holds what is not base64");
  try {
    return bytesOf(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
  } catch (cause) {
    throw malformed("it holds what is not base64", cause);
  }
}

/** One byte a character, without a callback for each: payloads are megabytes and anybody may have pushed them. */
function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function malformed(why: string, cause?: unknown): CodedError {
  return new CodedError("EVIDENCE_MALFORMED", `envelope: ${why}`, "sign or attest the image again", { cause });
}
