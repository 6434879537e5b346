import { CodedError } from "../../base/errors.ts";

/**
 * Why an HTTP/1.1 message was refused. `status` answers a request; a response refused for the same reason is a 502.
 * @see RFC 9112 (HTTP/1.1), RFC 9110 (fields, Host, trailers)
 */
export const HTTP1_ERRORS = {
  HTTP1_START_LINE: {
    status: 400,
    means: "the first line is not `METHOD target HTTP/1.1` (or `HTTP/1.1 status reason`), one space between the parts",
    fix: "send a well-formed HTTP/1.1 message to this port",
  },
  HTTP1_VERSION: {
    status: 505,
    means: "the protocol version is neither HTTP/1.1 nor HTTP/1.0",
    fix: "speak HTTP/1.1 to this port",
  },
  HTTP1_TARGET: {
    status: 400,
    means:
      "the request target has a fragment, a control, a byte above 0x7e, user information or a scheme other than http",
    fix: "percent-encode the path and send it in origin form: /path?query",
  },
  HTTP1_LINE_END: {
    status: 400,
    means: "a line ends in a bare CR or a bare LF; readers disagree about where such a line ends",
    fix: "end every line with CR LF",
  },
  HTTP1_OBS_FOLD: {
    status: 400,
    means: "a field line starts with a space or a tab: obsolete line folding",
    fix: "send each field on one line",
  },
  HTTP1_FIELD_NAME: {
    status: 400,
    means: "a field name is empty, has a character outside `token`, or a space before its colon",
    fix: "send `name: value` with no space before the colon",
  },
  HTTP1_FIELD_VALUE: {
    status: 400,
    means: "a field value has a NUL or another control character",
    fix: "remove control characters from field values",
  },
  HTTP1_HEAD_TOO_LARGE: {
    status: 431,
    means: "the head (start line and fields) is longer than 64 KiB",
    fix: "send fewer or shorter fields; cookies are the usual cause",
  },
  HTTP1_TOO_MANY_FIELDS: {
    status: 431,
    means: "the head has more than 256 fields",
    fix: "send fewer fields",
  },
  HTTP1_CONTENT_LENGTH: {
    status: 400,
    means: "Content-Length is repeated, signed, a list, not decimal, or too large",
    fix: "send one Content-Length of decimal digits",
  },
  HTTP1_LENGTH_AND_CODING: {
    status: 400,
    means: "both Content-Length and Transfer-Encoding: readers disagree about where the body ends",
    fix: "send one of them",
  },
  HTTP1_TRANSFER_CODING: {
    status: 400,
    means: "Transfer-Encoding is repeated, does not end in chunked, repeats chunked, or comes with HTTP/1.0",
    fix: "send `Transfer-Encoding: chunked` alone",
  },
  HTTP1_CODING_UNKNOWN: {
    status: 501,
    means: "a transfer coding other than chunked; content codings belong in Content-Encoding",
    fix: "send `Transfer-Encoding: chunked` alone",
  },
  HTTP1_HOST: {
    status: 400,
    means: "Host is missing, repeated, empty or not host[:port]",
    fix: "send exactly one Host field",
  },
  HTTP1_HOST_MISMATCH: {
    status: 400,
    means: "the authority of an absolute-form target differs from Host",
    fix: "send the same authority in both, or the target in origin form",
  },
  HTTP1_CONNECTION: {
    status: 400,
    means:
      "Connection names a field that frames, routes or identifies the message, so removing it would change its meaning, or more than 64 fields",
    fix: "name only hop-by-hop fields in Connection",
  },
  HTTP1_CHUNK: {
    status: 400,
    means: "a chunk's size, extension or ending is malformed, or its extensions exceed 16 KiB in all",
    fix: "send chunks as hex size, CR LF, data, CR LF",
  },
  HTTP1_TRAILER: {
    status: 400,
    means: "a trailer field that frames, routes or identifies the message, or trailers over 8 KiB",
    fix: "send such fields in the head",
  },
  HTTP1_UNEXPECTED_BODY: {
    status: 502,
    means: "a 1xx or 204 response announces a body",
    fix: "correct the application: these statuses never have a body",
  },
  HTTP1_TRUNCATED: {
    status: 400,
    means: "the connection ended in the middle of a message",
    fix: "look for the sender's timeout or crash",
  },
} as const;

export type Http1Code = keyof typeof HTTP1_ERRORS;

export const HTTP1_CODES = Object.keys(HTTP1_ERRORS) as readonly Http1Code[];

/** A message that was refused. Nothing of it may be forwarded after this. */
export class Http1Error extends CodedError {
  declare readonly code: Http1Code;
  /** What a request with this fault is answered with. */
  readonly status: number;

  constructor(code: Http1Code, detail?: string) {
    const { means, fix, status } = HTTP1_ERRORS[code];
    super(code, detail ?? means, fix);
    this.status = status;
  }
}
