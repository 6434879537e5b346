import { z } from "zod";
import type { Digest } from "../policy/evidence.ts";
import { isDigest } from "./digest.ts";
import { malformed, readJson } from "./statement.ts";

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
  /** host/repository as the signer wrote it, without tag and digest. */
  readonly repository: string;
}

/** @throws {CodedError} EVIDENCE_MALFORMED */
export function readSimpleSigning(bytes: Uint8Array): SimpleSigning {
  const result = payload.safeParse(readJson(bytes));
  if (!result.success)
    throw malformed(`${result.error.issues[0]?.path.join(".")}: ${result.error.issues[0]?.message}`, result.error);
  const { identity, image } = result.data.critical;
  return { digest: image["docker-manifest-digest"], repository: repositoryOf(identity["docker-reference"]) };
}

/** Drops digest and tag: "ghcr.io/acme/web:1@sha256:…" is "ghcr.io/acme/web". */
function repositoryOf(reference: string): string {
  const name = reference.split("@")[0] ?? "";
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon === -1 ? name : name.slice(0, colon);
}
