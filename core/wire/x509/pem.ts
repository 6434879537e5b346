import { CodedError } from "../../base/errors.ts";

/** Longest PEM text read, in UTF-16 units: a bundle of some hundred anchors. */
export const PEM_LIMIT = 1024 * 1024;

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/**
 * The DER content of every block with this label, in order. Text between blocks is ignored (RFC 7468 section 2).
 *
 * @throws {CodedError} PEM_INVALID when the text is too long, or a block is not base64
 */
export function readPem(text: string, label: string): Uint8Array[] {
  if (text.length > PEM_LIMIT) throw pemInvalid(`longer than ${PEM_LIMIT} characters`);
  const blocks = [...text.matchAll(BLOCK)].filter((block) => block[1] === label);
  return blocks.map((block) => decodeBase64((block[2] ?? "").replace(/\s+/g, "")));
}

/** One block of 64-character lines, ending in a line break. */
export function writePem(bytes: Uint8Array, label: string): string {
  const base64 = encodeBase64(bytes);
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function decodeBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw pemInvalid("not base64", cause);
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function pemInvalid(why: string, cause?: unknown): CodedError {
  return new CodedError("PEM_INVALID", `PEM text: ${why}`, "send the file as openssl wrote it", { cause });
}
