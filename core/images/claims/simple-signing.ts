import { z } from "zod";
import type { Digest } from "../../policy/evidence.ts";
import { isDigest } from "../digest.ts";
import { formatRepository, parseReference } from "../reference.ts";
import { malformed, readSignedJson } from "./statement.ts";

const payload = z.object({
  critical: z.object({
    identity: z.object({ "docker-reference": z.string().max(1024) }),
    image: z.object({ "docker-manifest-digest": z.custom<Digest>(isDigest, "expected a sha256 digest") }),
    type: z.literal("cosign container image signature"),
  }),
});

/** What a simple-signing payload claims. @see sigstore/cosign specs/SIGNATURE_SPEC.md, "Simple Signing" */
export interface SimpleSigning {
  readonly digest: Digest;
  /** host/repository that the signer meant, normalised. */
  readonly repository: string;
}

/** @throws {CodedError} EVIDENCE_MALFORMED */
export function readSimpleSigning(bytes: Uint8Array): SimpleSigning {
  const result = payload.safeParse(readSignedJson(bytes));
  if (!result.success)
    throw malformed(`${result.error.issues[0]?.path.join(".")}: ${result.error.issues[0]?.message}`, result.error);
  const { identity, image } = result.data.critical;
  return { digest: image["docker-manifest-digest"], repository: repositoryOf(identity["docker-reference"]) };
}

/** As references are normalised, so that two spellings of one repository compare equal. */
function repositoryOf(reference: string): string {
  try {
    return formatRepository(parseReference(reference));
  } catch (cause) {
    throw malformed("critical.identity.docker-reference: is not an image reference", cause);
  }
}
