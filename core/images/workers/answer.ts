import { CodedError, messageOf } from "../../base/errors.ts";
import type { Discovered } from "../../policy/evidence.ts";
import type { Artifact } from "../claims/artifact.ts";
import { verifyArtifact } from "../verify.ts";
import type { ErrorText, VerifyReply, VerifyRequest } from "./protocol.ts";
import type { TrustCache } from "./trust-cache.ts";

/** What a thread answers to one request. Never rejects. */
export async function answerRequest(request: VerifyRequest, trusts: TrustCache): Promise<VerifyReply> {
  const { id, artifact, digest, trustId, authorities } = request;
  try {
    const trust = trusts.of(authorities, trustId);
    return { type: "verified", id, worth: await verifyArtifact(artifact as Discovered<Artifact>, digest, trust) };
  } catch (thrown) {
    return { type: "failed", id, error: textOf(thrown) };
  }
}

function textOf(thrown: unknown): ErrorText {
  if (thrown instanceof CodedError) return { code: thrown.code, message: thrown.message, fix: thrown.fix };
  return { code: "INTERNAL", message: messageOf(thrown), fix: "report it with the lines that were printed" };
}
