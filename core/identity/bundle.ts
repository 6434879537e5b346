import { X509Certificate } from "node:crypto";
import { CodedError } from "../base/errors.ts";
import { readPem, writePem } from "../wire/x509/pem.ts";
import type { IdentityCode } from "./errors.ts";

/** Anchors of one trust domain as PEM text, and parsed. */
export type TrustBundle = string | readonly X509Certificate[];

/** Most anchors a bundle may hold. */
export const BUNDLE_LIMIT = 64;
/** Parsed bundles kept: own one, the one before a rotation, and a few for tests in one process. */
const REMEMBERED_BUNDLES = 8;
const remembered = new Map<string, readonly X509Certificate[]>();

/**
 * The certificates of a PEM text, parsed once per text: a data path asks with the same text per connection.
 *
 * @throws {CodedError} IDENTITY_FILE when it holds none, too many, or something else
 */
export function parseBundle(bundle: TrustBundle): readonly X509Certificate[] {
  if (typeof bundle !== "string") return bundle;
  const known = remembered.get(bundle);
  if (known !== undefined) return known;
  const parsed = parseCertificates(bundle, "trust bundle");
  const oldest = remembered.keys().next();
  if (remembered.size >= REMEMBERED_BUNDLES && !oldest.done) remembered.delete(oldest.value);
  remembered.set(bundle, parsed);
  return parsed;
}

/** @param what  the thing first in the message: "trust bundle", a file's path */
export function parseCertificates(pem: string, what: string): readonly X509Certificate[] {
  const blocks = readPem(pem, "CERTIFICATE");
  if (blocks.length === 0 || blocks.length > BUNDLE_LIMIT) {
    throw fileError(`${what}: expected 1 to ${BUNDLE_LIMIT} PEM certificates, found ${blocks.length}`);
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw fileError(`${what}: holds something that is no certificate`, cause);
  }
}

/** Both texts' certificates, each once, in order. */
export function mergeBundles(...pems: readonly string[]): string {
  const blocks = pems.flatMap((pem) => readPem(pem, "CERTIFICATE")).map((block) => writePem(block, "CERTIFICATE"));
  return [...new Set(blocks)].join("");
}

export function fileError(message: string, cause?: unknown): CodedError {
  const code: IdentityCode = "IDENTITY_FILE";
  return new CodedError(
    code,
    message,
    "check the path, its permissions and that it holds PEM (a token file: one JWT)",
    {
      cause,
    },
  );
}
