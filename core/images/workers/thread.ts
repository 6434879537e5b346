import { Worker } from "node:worker_threads";
import { asError } from "../../base/errors.ts";
import type { VerifyReply, VerifyRequest } from "./protocol.ts";

/** Memory of one thread's heap, in MiB: an attestation of the largest size, parsed, several times over. */
export const VERIFY_HEAP_MIB = 256;
const YOUNG_HEAP_MIB = 16;
const STACK_MIB = 4;

/** A thread as the pool needs it. A test may stand in for it, to let it die when it wants. */
export interface VerifyThread {
  /** Moves the artifact's bytes. */
  post(request: VerifyRequest): void;
  /** At once; nothing is heard of it after. */
  kill(): Promise<unknown>;
}

/** What a thread tells the pool; `ended` once, whatever ended it. */
export interface ThreadEvents {
  replied(reply: VerifyReply): void;
  ended(cause: Error): void;
}

/**
 * A thread within a memory limit.
 *
 * @param file  verify-worker.ts unless a test has another
 */
export function startVerifyThread(
  events: ThreadEvents,
  file: URL = workerUrl(),
  heapMiB: number = VERIFY_HEAP_MIB,
): VerifyThread {
  const worker = new Worker(file, {
    execArgv: [],
    resourceLimits: {
      maxOldGenerationSizeMb: heapMiB,
      maxYoungGenerationSizeMb: YOUNG_HEAP_MIB,
      stackSizeMb: STACK_MIB,
    },
  });
  let fault: Error | undefined;
  worker.unref();
  worker.on("message", (reply: VerifyReply) => {
    if (reply.type !== "ready") worker.unref();
    events.replied(reply);
  });
  worker.on("messageerror", (error) => events.ended(error));
  worker.on("error", (thrown) => {
    fault = asError(thrown);
  });
  worker.on("exit", (code) => events.ended(fault ?? new Error(`exit code ${code}`)));
  return {
    post: (request) => {
      worker.ref(); // somebody waits: the process must not end meanwhile
      worker.postMessage(request, [request.artifact.bytes.buffer as ArrayBuffer]);
    },
    kill: () => {
      worker.removeAllListeners("message");
      return worker.terminate();
    },
  };
}

/** From the sources the worker is TypeScript; in the bundle it lies beside the code. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./verify-worker.ts" : "./verify-worker.js", import.meta.url);
}
