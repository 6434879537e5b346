import type { FastifyReply } from "fastify";
import { asError, CodedError } from "../../core/base/errors.ts";
import { plainText } from "../answer/plain-text.ts";
import { refusalResponse } from "../answer/respond.ts";
import { ADMISSION_ERRORS } from "../errors.ts";
import { findUid, type ReviewResponse, renderReview } from "../review.ts";
import { HEAD_BYTES } from "./body.ts";

/** A webhook that ignores failures would let an unread object through: so this is an answer, and it is no. */
export function sendUnread(
  reply: FastifyReply,
  head: string,
  code: "REVIEW_TOO_LARGE" | "REVIEW_BUSY",
  why: string,
): FastifyReply {
  const uid = findUid(head.slice(0, HEAD_BYTES));
  const { fix } = ADMISSION_ERRORS[code];
  if (uid === undefined) return sendError(reply, new CodedError(code, `review: ${why}`, fix));
  return send(reply, refusalResponse(uid, `refused  ${code}: ${why}\n  fix: ${fix}`));
}

export function send(reply: FastifyReply, response: ReviewResponse): FastifyReply {
  return reply.type("application/json").send(renderReview(response));
}

const STATUS: Readonly<Record<string, number>> = {
  REVIEW_MALFORMED: 400,
  REVIEW_TOO_LARGE: 413,
  REVIEW_CALLER_UNKNOWN: 403,
  REVIEW_NO_DOOR: 404,
  REVIEW_SLOW: 408,
  REVIEW_BUSY: 429,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 415,
};

export function sendError(reply: FastifyReply, thrown: unknown): FastifyReply {
  const code = (thrown as { code?: string }).code ?? "INTERNAL";
  const fix = thrown instanceof CodedError ? thrown.fix : ADMISSION_ERRORS.REVIEW_MALFORMED.fix;
  return reply
    .code(STATUS[code] ?? 500)
    .send({ code: thrown instanceof CodedError ? code : "REVIEW_MALFORMED", message: asError(thrown).message, fix });
}

/** Also for a path that is none. */
export function sendNoDoor(reply: FastifyReply, method: string, url: string): FastifyReply {
  const message = `review: found ${method} ${plainText(url)}, expected POST /validate or POST /mutate`;
  return sendError(reply, new CodedError("REVIEW_NO_DOOR", message, ADMISSION_ERRORS.REVIEW_NO_DOOR.fix));
}
