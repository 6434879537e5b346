import type { Readable } from "node:stream";

/** Most bytes of an oversized body that are read past the limit, so that its sender can read the answer. */
export const DRAIN_LIMIT_BYTES = 64 * 1024 * 1024;
/** How much of an oversized body is kept, to find the review's uid in. */
export const HEAD_BYTES = 64 * 1024;

/** A body, or the head of one that was too large. */
export interface ReviewBody {
  readonly text: string;
  readonly complete: boolean;
}

/**
 * Reads a body up to a limit. One beyond it is still read, and thrown away, because a sender that is cut off while
 * writing never sees the reason.
 */
export async function readReviewBody(stream: Readable, limitBytes: number): Promise<ReviewBody> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limitBytes) chunks.push(chunk);
    else chunks.splice(0, chunks.length, Buffer.concat(chunks).subarray(0, HEAD_BYTES));
    if (size > DRAIN_LIMIT_BYTES) break;
  }
  return { text: Buffer.concat(chunks).toString("utf8"), complete: size <= limitBytes };
}
