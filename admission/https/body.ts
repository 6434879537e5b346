import type { Readable } from "node:stream";
import { CodedError } from "../../core/base/errors.ts";
import { ADMISSION_ERRORS } from "../errors.ts";

/** Most bytes of an oversized body that are read past the limit, so that its sender can read the answer. */
export const DRAIN_LIMIT_BYTES = 64 * 1024 * 1024;
/** How much of an oversized body is kept, to find the review's uid in. */
export const HEAD_BYTES = 64 * 1024;

/** Memory of all bodies held at once, by reviews being read and by reviews being judged, in bytes. */
export const BODIES_LIMIT_BYTES = 256 * 1024 * 1024;
/** What a value takes once parsed, beside its text: `[],` repeated is fourteen times as large as an object as it is as text. */
export const VALUE_BYTES = 40;

/** A body, or the head of one that was too large or came when too many were held. */
export interface ReviewBody {
  readonly text: string;
  readonly kept: "whole" | "too large" | "too many";
  /** Gives its bytes back; called once the review is answered. */
  release(): void;
}

/** Memory that bodies take now, in bytes. One for each listener. */
export interface BodyBudget {
  held: number;
}

/**
 * Reads a body up to a limit. One beyond it is still read, and thrown away, because a sender that is cut off while
 * writing never sees the reason.
 */
export async function readReviewBody(stream: Readable, limitBytes: number, budget: BodyBudget): Promise<ReviewBody> {
  let chunks: Buffer[] = [];
  let [size, mine] = [0, 0];
  let kept: ReviewBody["kept"] = "whole";
  const release = () => {
    budget.held -= mine;
    mine = 0;
  };
  const giveUp = (why: "too large" | "too many") => {
    kept = why;
    chunks = [Buffer.from(Buffer.concat(chunks).subarray(0, HEAD_BYTES))]; // a copy: the rest may go
    release();
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > DRAIN_LIMIT_BYTES) break;
      if (kept !== "whole") continue;
      chunks.push(chunk);
      const bytes = memoryOf(chunk);
      if (size > limitBytes) giveUp("too large");
      else if (budget.held + bytes > BODIES_LIMIT_BYTES) giveUp("too many");
      else mine += take(budget, bytes);
    }
  } catch (thrown) {
    release();
    throw thrown;
  }
  return { text: Buffer.concat(chunks).toString("utf8"), kept, release };
}

/**
 * The body, or an error once the time is up. The stream is left as it is, so that its sender can be told: he who closes
 * the connection afterwards ends the reading, too.
 *
 * @throws {CodedError} REVIEW_SLOW
 */
export function inTime(reading: Promise<ReviewBody>, signal: AbortSignal): Promise<ReviewBody> {
  const { fix } = ADMISSION_ERRORS.REVIEW_SLOW;
  const message = "review: found only a part of it when its time was up, expected all of it";
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      reading.then((late) => late.release()).catch(() => {}); // what fails now has nobody left to tell
      reject(new CodedError("REVIEW_SLOW", message, fix));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    reading.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

function take(budget: BodyBudget, bytes: number): number {
  budget.held += bytes;
  return bytes;
}

/** A list, an object and a comma each begin a value. Runs over every byte received. */
function memoryOf(chunk: Buffer): number {
  let values = 0;
  for (let at = 0; at < chunk.length; at++) {
    const byte = chunk[at];
    if (byte === COMMA || byte === BRACKET || byte === BRACE) values++;
  }
  return chunk.length + values * VALUE_BYTES;
}

const [COMMA, BRACKET, BRACE] = Buffer.from(",[{");
