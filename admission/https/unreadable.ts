import type { Socket } from "node:net";
import { ADMISSION_ERRORS } from "../errors.ts";

/** What Node's parser says of a head that is too long, or does not arrive. */
const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** Answers what is no HTTP as everything else is answered, with a code, and closes. */
export function answerUnreadable(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const { fix } = ADMISSION_ERRORS.REVIEW_MALFORMED;
  const body = JSON.stringify({
    code: "REVIEW_MALFORMED",
    message: `review: expected an HTTP request, found something else (${error.message})`,
    fix,
  });
  const head = [
    `HTTP/1.1 ${STATUS[error.code ?? ""] ?? "400 Bad Request"}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
