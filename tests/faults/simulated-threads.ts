import { createHash } from "node:crypto";
import { answerRequest } from "../../core/images/workers/answer.ts";
import type { VerifyReply, VerifyRequest } from "../../core/images/workers/protocol.ts";
import { startVerifyThread, type ThreadEvents, type VerifyThread } from "../../core/images/workers/thread.ts";
import { createTrustCache } from "../../core/images/workers/trust-cache.ts";
import { type Random, randomOf, seedFrom } from "../support/registry-of-faults/random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How a thread's life goes on with one request. */
const FATES = ["answers", "answers late", "hangs", "ends", "answers and ends"] as const;
const KILLED = new Error("Worker terminated due to reaching memory limit: JS heap out of memory");

export interface ThreadFaults {
  readonly seed: number;
  /** Share of the requests that something happens at, now. */
  readonly rate: () => number;
}

/**
 * Threads that verify by the real code, across a copy of every message, and die when their seed says: before they
 * are ready, with a request, after it, or not at all while they answer nothing.
 */
export function simulatedThreads({ seed, rate }: ThreadFaults, log: (line: string) => void) {
  let started = 0;
  return (events: ThreadEvents): VerifyThread => {
    const random = randomOf(seedFrom(seed, `thread ${++started}`));
    const life = { over: false };
    const end = () => {
      if (life.over) return;
      life.over = true;
      events.ended(KILLED);
    };
    const say = (reply: VerifyReply) => {
      if (!life.over) events.replied(structuredClone(reply));
    };
    const stillborn = random.chance(rate() / 4);
    if (stillborn) log("a thread dies before it is ready");
    setTimeout(() => (stillborn ? end() : say({ type: "ready" })), random.nat(300));
    const post = (request: VerifyRequest) => void live(request, drawFate(random, rate()), random, say, end, log);
    return {
      post: (request) => post(request),
      kill: async () => {
        life.over = true;
      },
    };
    async function live(
      request: VerifyRequest,
      fate: (typeof FATES)[number],
      draw: Random,
      reply: typeof say,
      die: typeof end,
      tell: typeof log,
    ) {
      if (fate !== "answers") tell(`a thread ${fate}`);
      if (fate === "hangs") return;
      if (fate === "ends") return void setTimeout(die, draw.nat(50));
      const answer = await remembered(request);
      setTimeout(
        () => {
          reply({ ...answer, id: request.id } as VerifyReply);
          if (fate === "answers and ends") die();
        },
        fate === "answers late" ? draw.nat(7000) : draw.nat(5),
      );
    }
  };
}

const trusts = createTrustCache();
const answers = new Map<string, Promise<VerifyReply>>();
const ANSWERS_KEPT = 20_000;

/** Verification depends on nothing but its request, so that one answer does for all seeds that ask the same. */
function remembered(request: VerifyRequest): Promise<VerifyReply> {
  const { artifact, digest, trustId } = request;
  const { bytes, ...rest } = artifact;
  const key = createHash("sha256")
    .update(bytes)
    .update(JSON.stringify([rest, digest, trustId]))
    .digest("base64");
  const answer = answers.get(key) ?? answerRequest(structuredClone(request), trusts);
  if (answers.size < ANSWERS_KEPT) answers.set(key, answer);
  return answer;
}

function drawFate(random: Random, rate: number): (typeof FATES)[number] {
  return random.chance(rate) ? random.pick(FATES.slice(1)) : "answers";
}

/** Real threads; while one is at a request, time stands still. One is killed at the n-th request of all. */
export function realThreads(time: VirtualTime, killAt: number, log: (line: string) => void) {
  let posted = 0;
  return (events: ThreadEvents): VerifyThread => {
    const waitedFor = new Set(["ready"]);
    time.outside++;
    const begun = (what: string) => {
      if (!waitedFor.has(what)) time.outside++;
      waitedFor.add(what);
    };
    const ended = (...what: readonly string[]) => {
      for (const one of what) if (waitedFor.delete(one)) time.outside--;
    };
    const stop = async () => {
      ended("ready", "request");
      begun("end");
      await thread.kill();
      ended("end");
    };
    const thread = startVerifyThread({
      replied: (reply) => {
        ended(reply.type === "ready" ? "ready" : "request");
        events.replied(reply);
      },
      ended: (cause) => {
        ended("ready", "request");
        events.ended(cause);
      },
    });
    return {
      post: (request) => {
        begun("request");
        thread.post(request);
        if (++posted !== killAt) return;
        log("a thread is killed");
        void stop();
        events.ended(KILLED);
      },
      kill: stop,
    };
  };
}
