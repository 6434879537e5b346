import { z } from "zod";
import type { Digest } from "../../policy/evidence.ts";
import { readStrictJson } from "../../wire/json.ts";
import type { ReceivedAs } from "../claims/artifact.ts";
import { isDigest } from "../digest.ts";
import { quoted, refuse } from "./refusal.ts";

/** The image as we received it; what its registry calls it and its length are left out where nobody looked. */
export type SignedTarget = { readonly digest: Digest } & Partial<ReceivedAs>;

const payload = z.looseObject({
  targetArtifact: z.looseObject({
    mediaType: z.string().min(1).max(256),
    digest: z.custom<Digest>(isDigest, "expected a sha256 digest"),
    size: z.number().int().nonnegative(),
  }),
});

/**
 * The signature must be over this very manifest: its digest, and its media type and size where they are known.
 *
 * @throws {Refused}
 * @see notaryproject/specifications specs/signature-specification.md, "Payload"
 */
export function judgePayload(bytes: Uint8Array, target: SignedTarget): void {
  const { mediaType, digest, size } = readTarget(bytes);
  if (digest !== target.digest) refuse(`a signature over another image, ${digest}`, target.digest);
  if (target.mediaType !== undefined && mediaType !== target.mediaType)
    refuse(`a signature over a ${quoted(mediaType)}`, `${quoted(target.mediaType)}, as the registry serves it`);
  if (target.size !== undefined && size !== target.size)
    refuse(`a signature over ${size} bytes`, `${target.size}, as the registry serves it`);
}

function readTarget(bytes: Uint8Array): z.output<typeof payload>["targetArtifact"] {
  try {
    return payload.parse(readStrictJson(bytes)).targetArtifact;
  } catch (cause) {
    return refuse("a payload that is no descriptor", "a targetArtifact with mediaType, digest and size", cause);
  }
}
