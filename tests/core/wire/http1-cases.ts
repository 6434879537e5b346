import { BODY, RequestHead, ResponseHead } from "../../../core/wire/http1/message.ts";
import { MessageReader } from "../../../core/wire/http1/reader.ts";

/** What a reader made of a byte stream, offsets turned into text. */
export interface Reading {
  readonly messages: readonly Message[];
  /** The code it was refused with. */
  readonly refused?: string;
  /** Bytes of a message that was not complete. */
  readonly incomplete: boolean;
}

export interface Message {
  readonly start: string;
  readonly fields: readonly string[];
  readonly framing: string;
  readonly keepAlive: boolean;
  /** As it travels, chunk framing included. */
  body: string;
  /** Content alone. */
  data: string;
  complete: boolean;
}

const FRAMING = Object.fromEntries(Object.entries(BODY).map(([name, number]) => [number, name]));

/** Feeds the bytes in the given pieces. @param methods  of the requests that responses answer, GET when left out */
export function read(
  kind: "request" | "response",
  pieces: readonly Uint8Array[],
  methods: readonly string[] = [],
): Reading {
  const messages: Message[] = [];
  const request = new RequestHead();
  const response = new ResponseHead();
  const text = (bytes: Uint8Array, from: number, to: number) =>
    Buffer.from(bytes.subarray(from, to)).toString("latin1");
  const reader = new MessageReader(kind, {
    head: (bytes, start) => {
      const { scanner } = reader;
      const judged = kind === "request" ? request : response;
      if (kind === "request") request.judge(scanner, bytes, start);
      else response.judge(scanner, bytes, start, methods[messages.length] ?? "GET");
      const at = (from: number, to: number) => text(bytes, start + from, start + to);
      messages.push({
        start:
          kind === "request"
            ? `${request.method} ${at(request.pathStart, request.pathEnd)} 1.${scanner.minor}`
            : `${response.status} ${at(scanner.reasonStart, scanner.reasonEnd)}`,
        fields: Array.from({ length: scanner.fieldCount }, (_, i) => {
          return `${at(scanner.nameStart(i), scanner.nameEnd(i))}=${at(scanner.valueStart(i), scanner.valueEnd(i))}`;
        }),
        framing: `${FRAMING[judged.body]}${judged.body === BODY.length ? ` ${judged.length}` : ""}`,
        keepAlive: judged.keepAlive,
        body: "",
        data: "",
        complete: false,
      });
      reader.body(judged.body, judged.length);
    },
    body: (bytes, from, to) => {
      (messages.at(-1) as Message).body += text(bytes, from, to);
    },
    data: (bytes, from, to) => {
      (messages.at(-1) as Message).data += text(bytes, from, to);
    },
    end: () => {
      (messages.at(-1) as Message).complete = true;
    },
  });
  try {
    for (const piece of pieces) reader.feed(piece, 0, piece.length);
    return { messages, incomplete: !reader.idle };
  } catch (error) {
    return { messages, incomplete: false, refused: (error as { code: string }).code };
  }
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const H = "Host: a\r\n";
const GET = `GET / HTTP/1.1\r\n${H}`;
const POST = `POST / HTTP/1.1\r\n${H}`;

/** Requests that no reader may take, and why. @see RFC 9112; each line has stood in somebody's advisory */
export const REFUSED_REQUESTS: readonly (readonly [given: string, bytes: string, code: string])[] = [
  [
    "Content-Length with Transfer-Encoding",
    `${POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`,
    "HTTP1_LENGTH_AND_CODING",
  ],
  [
    "Transfer-Encoding with Content-Length",
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n`,
    "HTTP1_LENGTH_AND_CODING",
  ],
  ["two Content-Lengths", `${POST}Content-Length: 3\r\nContent-Length: 4\r\n\r\n`, "HTTP1_CONTENT_LENGTH"],
  ["two equal Content-Lengths", `${POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\n`, "HTTP1_CONTENT_LENGTH"],
  ["a list as Content-Length", `${POST}Content-Length: 3, 3\r\n\r\n`, "HTTP1_CONTENT_LENGTH"],
  ["a signed Content-Length", `${POST}Content-Length: +3\r\n\r\n`, "HTTP1_CONTENT_LENGTH"],
  ["a negative Content-Length", `${POST}Content-Length: -3\r\n\r\n`, "HTTP1_CONTENT_LENGTH"],
  ["a hexadecimal Content-Length", `${POST}Content-Length: 0x3\r\n\r\n`, "HTTP1_CONTENT_LENGTH"],
  ["an empty Content-Length", `${POST}Content-Length:\r\n\r\n`, "HTTP1_CONTENT_LENGTH"],
  ["a Content-Length beyond 2^53", `${POST}Content-Length: 99999999999999999999\r\n\r\n`, "HTTP1_CONTENT_LENGTH"],
  ["a last coding that is not chunked", `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n`, "HTTP1_TRANSFER_CODING"],
  ["chunked twice", `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n`, "HTTP1_TRANSFER_CODING"],
  [
    "chunked in two fields",
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    "HTTP1_TRANSFER_CODING",
  ],
  ["identity", `${POST}Transfer-Encoding: identity\r\n\r\n`, "HTTP1_TRANSFER_CODING"],
  ["xchunked", `${POST}Transfer-Encoding: xchunked\r\n\r\n`, "HTTP1_TRANSFER_CODING"],
  ["a vertical tab before chunked", `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n`, "HTTP1_FIELD_VALUE"],
  ["an unknown coding under chunked", `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n`, "HTTP1_CODING_UNKNOWN"],
  [
    "a transfer coding in HTTP/1.0",
    `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n`,
    "HTTP1_TRANSFER_CODING",
  ],
  ["no Host", "GET / HTTP/1.1\r\n\r\n", "HTTP1_HOST"],
  ["two Hosts", `${GET}Host: b\r\n\r\n`, "HTTP1_HOST"],
  ["an empty Host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", "HTTP1_HOST"],
  ["a Host with user information", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "HTTP1_HOST"],
  ["a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "HTTP1_HOST"],
  ["an absolute form of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_HOST_MISMATCH"],
  ["an absolute form with user information", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_HOST"],
  ["an absolute form of another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_TARGET"],
  ["an asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_TARGET"],
  ["a relative target", "GET index HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_TARGET"],
  ["a fragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_TARGET"],
  ["a byte above 0x7e in the target", "GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_TARGET"],
  ["a bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "HTTP1_LINE_END"],
  ["a bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "HTTP1_LINE_END"],
  ["a bare LF as the last line", "GET / HTTP/1.1\r\nHost: a\r\n\n", "HTTP1_LINE_END"],
  ["a bare CR in a field", "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", "HTTP1_LINE_END"],
  ["a bare CR after the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", "HTTP1_LINE_END"],
  ["a folded field", `${GET}X: a\r\n b\r\n\r\n`, "HTTP1_OBS_FOLD"],
  ["a folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "HTTP1_OBS_FOLD"],
  ["a tab-folded field", `${GET}X: a\r\n\tb\r\n\r\n`, "HTTP1_OBS_FOLD"],
  ["a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP1_FIELD_NAME"],
  ["a tab before the colon", `${POST}Content-Length\t: 3\r\n\r\n`, "HTTP1_FIELD_NAME"],
  ["an empty name", `${GET}: x\r\n\r\n`, "HTTP1_FIELD_NAME"],
  ["a name with a bracket", `${GET}X(y): x\r\n\r\n`, "HTTP1_FIELD_NAME"],
  ["a name with a NUL", `${GET}X\0y: x\r\n\r\n`, "HTTP1_FIELD_NAME"],
  ["a line without a colon", `${GET}nothing\r\n\r\n`, "HTTP1_FIELD_NAME"],
  ["a NUL in a value", `${GET}X: a\0b\r\n\r\n`, "HTTP1_FIELD_VALUE"],
  ["a control in a value", `${GET}X: a\x01b\r\n\r\n`, "HTTP1_FIELD_VALUE"],
  ["a DEL in a value", `${GET}X: a\x7fb\r\n\r\n`, "HTTP1_FIELD_VALUE"],
  ["two spaces in the request line", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_START_LINE"],
  ["two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_START_LINE"],
  ["a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP1_START_LINE"],
  ["HTTP/0.9", "GET /\r\n\r\n", "HTTP1_START_LINE"],
  ["a lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", "HTTP1_START_LINE"],
  ["HTTP/2.0", "PRI * HTTP/2.0\r\n\r\n", "HTTP1_VERSION"],
  ["HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "HTTP1_VERSION"],
  ["HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "HTTP1_START_LINE"],
  ["a method of 25 letters", `${"M".repeat(25)} / HTTP/1.1\r\nHost: a\r\n\r\n`, "HTTP1_START_LINE"],
  ["257 fields", `${GET}${"X: y\r\n".repeat(256)}\r\n`, "HTTP1_TOO_MANY_FIELDS"],
  ["a head of 64 KiB and more", `${GET}X: ${"y".repeat(65_536)}\r\n\r\n`, "HTTP1_HEAD_TOO_LARGE"],
  ["empty lines without end", "\r\n".repeat(40_000), "HTTP1_HEAD_TOO_LARGE"],
  ["TLS", "\x16\x03\x01\x02\x00\x01\x00", "HTTP1_START_LINE"],
  [
    "Connection naming Content-Length",
    `${POST}Connection: content-length\r\nContent-Length: 3\r\n\r\n`,
    "HTTP1_CONNECTION",
  ],
  ["Connection naming Host", `${GET}Connection: close, host\r\n\r\n`, "HTTP1_CONNECTION"],
  ["Connection naming x-outrider-peer", `${GET}Connection: X-Outrider-Peer\r\n\r\n`, "HTTP1_CONNECTION"],
  ["Connection naming more fields than it may", `${GET}Connection: ${"a,".repeat(65)}\r\n\r\n`, "HTTP1_CONNECTION"],
  ["Connection with something else than names", `${GET}Connection: a b\r\n\r\n`, "HTTP1_CONNECTION"],
  ["a chunk size with a sign", `${POST}Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n`, "HTTP1_CHUNK"],
  ["a chunk size with 0x", `${POST}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`, "HTTP1_CHUNK"],
  ["a chunk size with a space", `${POST}Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n`, "HTTP1_CHUNK"],
  ["no chunk size", `${POST}Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n`, "HTTP1_CHUNK"],
  ["a chunk size beyond 2^53", `${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n`, "HTTP1_CHUNK"],
  ["a chunk longer than its size", `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n`, "HTTP1_CHUNK"],
  ["a bare LF after a chunk size", `${POST}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n`, "HTTP1_CHUNK"],
  ["a bare LF in a chunk extension", `${POST}Transfer-Encoding: chunked\r\n\r\n3;a\nbc\r\n0\r\n\r\n`, "HTTP1_CHUNK"],
  [
    "a bare CR in a chunk extension",
    `${POST}Transfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n`,
    "HTTP1_CHUNK",
  ],
  ["a bare LF after chunk data", `${POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n`, "HTTP1_CHUNK"],
  [
    "17 KiB of chunk extensions",
    `${POST}Transfer-Encoding: chunked\r\n\r\n${`1;${"e".repeat(1000)}\r\nx\r\n`.repeat(17)}0\r\n\r\n`,
    "HTTP1_CHUNK",
  ],
  [
    "Content-Length as a trailer",
    `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n`,
    "HTTP1_TRAILER",
  ],
  ["Host as a trailer", `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n`, "HTTP1_TRAILER"],
  [
    "x_outrider_peer as a trailer",
    `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\nx_outrider_peer: b\r\n\r\n`,
    "HTTP1_TRAILER",
  ],
  ["a folded trailer", `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n`, "HTTP1_OBS_FOLD"],
  [
    "9 KiB of trailers",
    `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\nA: ${"b".repeat(9 * 1024)}\r\n\r\n`,
    "HTTP1_TRAILER",
  ],
];

/** Responses that no reader may take. */
export const REFUSED_RESPONSES: readonly (readonly [given: string, bytes: string, code: string])[] = [
  [
    "both framings",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP1_LENGTH_AND_CODING",
  ],
  ["two Content-Lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "HTTP1_CONTENT_LENGTH"],
  [
    "a coding that does not end in chunked",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP1_TRANSFER_CODING",
  ],
  ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "HTTP1_LINE_END"],
  ["a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", "HTTP1_FIELD_NAME"],
  ["a folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "HTTP1_OBS_FOLD"],
  ["two digits of status", "HTTP/1.1 20 OK\r\n\r\n", "HTTP1_START_LINE"],
  ["four digits of status", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP1_START_LINE"],
  ["status 099", "HTTP/1.1 099 OK\r\n\r\n", "HTTP1_START_LINE"],
  ["status 600", "HTTP/1.1 600 OK\r\n\r\n", "HTTP1_START_LINE"],
  ["an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP1_START_LINE"],
  ["a control in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n", "HTTP1_START_LINE"],
  ["HTTP/2", "HTTP/2 200\r\n\r\n", "HTTP1_VERSION"],
  ["204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc", "HTTP1_UNEXPECTED_BODY"],
  [
    "204 with chunks",
    "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP1_UNEXPECTED_BODY",
  ],
  ["100 with a length", "HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc", "HTTP1_UNEXPECTED_BODY"],
];

type Expected = Partial<Message> & Pick<Message, "start">;

/** Streams that every reader takes the same way. */
export const TAKEN_REQUESTS: readonly (readonly [given: string, bytes: string, messages: readonly Expected[]])[] = [
  ["a plain GET", `${GET}\r\n`, [{ start: "GET / 1.1", framing: "none", keepAlive: true, fields: ["Host=a"] }]],
  [
    "spaces around values",
    "GET / HTTP/1.1\r\nHost: \t a \t\r\nX:\r\nY:b c\r\n\r\n",
    [{ start: "GET / 1.1", fields: ["Host=a", "X=", "Y=b c"] }],
  ],
  ["obs-text in a value", `${GET}X: \xe9\r\n\r\n`, [{ start: "GET / 1.1", fields: ["Host=a", "X=\xe9"] }]],
  ["empty lines before a request", `\r\n\r\n${GET}\r\n`, [{ start: "GET / 1.1" }]],
  [
    "a pipeline",
    `${GET}\r\n${POST}Content-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n${H}\r\n`,
    [
      { start: "GET / 1.1" },
      { start: "POST / 1.1", framing: "length 3", body: "abc", data: "abc" },
      { start: "GET /b 1.1" },
    ],
  ],
  [
    "a length of zero",
    `${POST}Content-Length: 0\r\n\r\n`,
    [{ start: "POST / 1.1", framing: "length 0", body: "", complete: true }],
  ],
  [
    "chunks with extensions and trailers",
    `${POST}Transfer-Encoding: Chunked\r\n\r\n3;a=b;c="d"\r\nabc\r\n00A\r\n0123456789\r\n0;last\r\nDigest: x\r\n\r\n`,
    [
      {
        start: "POST / 1.1",
        framing: "chunked",
        data: "abc0123456789",
        body: '3;a=b;c="d"\r\nabc\r\n00A\r\n0123456789\r\n0;last\r\nDigest: x\r\n\r\n',
        complete: true,
      },
    ],
  ],
  ["Connection: close", `${GET}Connection: x, Close\r\nX: y\r\n\r\n`, [{ start: "GET / 1.1", keepAlive: false }]],
  ["HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", [{ start: "GET / 1.0", keepAlive: false }]],
  [
    "HTTP/1.0 kept alive",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    [{ start: "GET / 1.0", keepAlive: true }],
  ],
  ["an absolute form", "GET HTTP://A:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", [{ start: "GET /x?y 1.1" }]],
  ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", [{ start: "OPTIONS * 1.1" }]],
  ["256 fields", `${GET}${"X: y\r\n".repeat(255)}\r\n`, [{ start: "GET / 1.1" }]],
  ["an unknown method", `${"PURGE"} / HTTP/1.1\r\n${H}\r\n`, [{ start: "PURGE / 1.1" }]],
];

export const TAKEN_RESPONSES: readonly (readonly [
  given: string,
  bytes: string,
  messages: readonly Expected[],
  methods?: readonly string[],
])[] = [
  [
    "a length",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    [{ start: "200 OK", body: "hi", complete: true, keepAlive: true }],
  ],
  [
    "chunks",
    "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    [{ start: "200 ", data: "hi", complete: true }],
  ],
  ["no reason and no space", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", [{ start: "200 ", complete: true }]],
  [
    "neither: until the connection ends",
    "HTTP/1.1 200 OK\r\n\r\nhi",
    [{ start: "200 OK", framing: "close", body: "hi", keepAlive: false, complete: false }],
  ],
  [
    "an answer to HEAD",
    "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    [
      { start: "200 OK", framing: "none", complete: true },
      { start: "200 OK", body: "x", complete: true },
    ],
    ["HEAD", "GET"],
  ],
  [
    "304 with the length it would have",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
    [{ start: "304 Not Modified", framing: "none", complete: true }],
  ],
  [
    "204",
    "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    [{ start: "204 No Content", framing: "none", complete: true }],
  ],
  [
    "100 and then the answer",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    [
      { start: "100 Continue", framing: "none" },
      { start: "200 OK", body: "hi", complete: true },
    ],
  ],
];
