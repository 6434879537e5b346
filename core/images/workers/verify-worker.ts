/**
 * Verifies hostile bytes in a thread that its owner can kill: an artifact that loops, or eats memory, takes this thread
 * and nothing else with it. One message in, one message out, in order.
 */
import { parentPort } from "node:worker_threads";
import { answerRequest } from "./answer.ts";
import type { VerifyReply, VerifyRequest } from "./protocol.ts";
import { createTrustCache } from "./trust-cache.ts";

const trusts = createTrustCache();

parentPort?.on("message", async (request: VerifyRequest) => {
  parentPort?.postMessage(await answerRequest(request, trusts));
});
parentPort?.postMessage({ type: "ready" } satisfies VerifyReply);
