/**
 * Verifies hostile bytes in a thread that its owner can kill: an artifact that loops, or eats memory, takes this thread
 * and nothing else with it. One message in, one message out, in order.
 */
import { parentPort } from "node:worker_threads";
import { CodedError, messageOf } from "../../base/errors.ts";
import type { Discovered } from "../../policy/evidence.ts";
import type { Artifact } from "../claims/artifact.ts";
import { verifyArtifact } from "../verify.ts";
import type { ErrorText, VerifyReply, VerifyRequest } from "./protocol.ts";
import { createTrustCache } from "./trust-cache.ts";

const trusts = createTrustCache();

parentPort?.on("message", async (request: VerifyRequest) => {
  parentPort?.postMessage(await answer(request));
});
parentPort?.postMessage({ type: "ready" } satisfies VerifyReply);

async function answer({ id, artifact, digest, trustId, authorities }: VerifyRequest): Promise<VerifyReply> {
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
