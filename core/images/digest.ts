import { createHash } from "node:crypto";
import type { Digest } from "../policy/evidence.ts";

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The digest of these very bytes. @see OCI image-spec, descriptor.md, Digests */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && DIGEST.test(text);
}
