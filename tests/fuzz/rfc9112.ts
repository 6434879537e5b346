/**
 * A second, strict reading of RFC 9112 for tests alone: regular expressions over text, sharing nothing with the
 * scanner it judges. It reads less than HTTP allows where the sidecar may refuse, never more.
 */
export interface Judged {
  readonly method: string;
  /** Origin form. */
  readonly path: string;
  readonly host: string;
  /** Content without chunk framing. */
  readonly body: string;
}

export interface Judgement {
  /** Complete, unambiguous requests in order, up to the first that is not or that ends the connection. */
  readonly requests: readonly Judged[];
  readonly stopped: "end" | "incomplete" | "refused" | "close";
}

interface Fields {
  of(name: string): string[];
}

class Refused extends Error {}
class Incomplete extends Error {}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const START = new RegExp(`^(${TOKEN}) ([\\x21\\x22\\x24-\\x7e]+) HTTP/1\\.([01])$`);
const FIELD = new RegExp(`^(${TOKEN}):([\\t\\x20-\\x7e\\x80-\\xff]*)$`);
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,13})(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const ABSOLUTE = /^http:\/\/([^/?]+)(\/.*)?$/i;
const NEVER_A_TRAILER = new Set(
  "host content-length content-encoding content-type content-range transfer-encoding connection keep-alive te trailer upgrade proxy-connection expect authorization cookie set-cookie traceparent tracestate".split(
    " ",
  ),
);
const OURS = /^x[-_]outrider[-_]/i;

export function judge(stream: string): Judgement {
  const requests: Judged[] = [];
  let at = 0;
  try {
    for (;;) {
      while (stream.startsWith("\r\n", at)) at += 2;
      if (at >= stream.length) return { requests, stopped: "end" };
      const { request, end, keepAlive } = oneRequest(stream, at);
      requests.push(request);
      if (!keepAlive) return { requests, stopped: "close" };
      at = end;
    }
  } catch (error) {
    if (error instanceof Refused) return { requests, stopped: "refused" };
    if (error instanceof Incomplete) return { requests, stopped: "incomplete" };
    throw error;
  }
}

function oneRequest(stream: string, from: number) {
  const headEnd = stream.indexOf("\r\n\r\n", from);
  if (headEnd === -1) throw new Incomplete();
  const [start = "", ...lines] = stream.slice(from, headEnd).split("\r\n");
  const [, method = "", target = "", minor] = START.exec(start) ?? refuse();
  const fields = readFields(lines);
  const { path, host } = addressOf(method, target, fields, minor === "0");
  const { body, end } = bodyOf(stream, headEnd + 4, fields, minor === "0");
  const options = fields.of("connection").flatMap((value) => value.toLowerCase().split(/[ \t]*,[ \t]*/));
  const keepAlive = !options.includes("close") && (minor === "1" || options.includes("keep-alive"));
  return { request: { method, path, host, body }, end, keepAlive };
}

function readFields(lines: readonly string[]): Fields {
  const pairs = lines.map((line) => {
    const [, name = "", value = ""] = FIELD.exec(line) ?? refuse();
    return [name.toLowerCase(), value.replace(/^[ \t]+|[ \t]+$/g, "")] as const;
  });
  return { of: (name) => pairs.filter(([each]) => each === name).map(([, value]) => value) };
}

function addressOf(method: string, target: string, fields: Fields, old: boolean): { path: string; host: string } {
  const hosts = fields.of("host");
  if (hosts.length > 1 || (hosts.length === 0 && !old) || method === "CONNECT") refuse();
  const host = (hosts[0] ?? "").toLowerCase();
  if (target.startsWith("/")) return { path: target, host };
  if (target === "*" && method === "OPTIONS") return { path: target, host };
  const [, authority = "", path = "/"] = ABSOLUTE.exec(target) ?? refuse();
  if (authority.toLowerCase().replace(/:80$/, "") !== host.replace(/:80$/, "")) refuse();
  return { path, host };
}

function bodyOf(stream: string, from: number, fields: Fields, old: boolean): { body: string; end: number } {
  const lengths = fields.of("content-length");
  const codings = fields.of("transfer-encoding");
  if (lengths.length + codings.length > 1) refuse();
  if (codings.length === 1) {
    if (old || codings[0]?.toLowerCase() !== "chunked") refuse();
    return chunks(stream, from);
  }
  if (lengths.length === 0) return { body: "", end: from };
  if (!/^\d{1,15}$/.test(lengths[0] ?? "")) refuse();
  const end = from + Number(lengths[0]);
  if (end > stream.length) throw new Incomplete();
  return { body: stream.slice(from, end), end };
}

function chunks(stream: string, from: number): { body: string; end: number } {
  let at = from;
  let body = "";
  for (;;) {
    const lineEnd = stream.indexOf("\r\n", at);
    if (lineEnd === -1) throw new Incomplete();
    const [, digits = ""] = CHUNK_SIZE.exec(stream.slice(at, lineEnd)) ?? refuse();
    const size = Number.parseInt(digits, 16);
    at = lineEnd + 2;
    if (size === 0) return { body, end: trailers(stream, at) };
    if (at + size + 2 > stream.length) throw new Incomplete();
    if (stream.slice(at + size, at + size + 2) !== "\r\n") refuse();
    body += stream.slice(at, at + size);
    at += size + 2;
  }
}

function trailers(stream: string, from: number): number {
  for (let at = from; ; ) {
    const end = stream.indexOf("\r\n", at);
    if (end === -1) throw new Incomplete();
    if (end === at) return end + 2;
    const [, name = ""] = FIELD.exec(stream.slice(at, end)) ?? refuse();
    if (NEVER_A_TRAILER.has(name.toLowerCase()) || OURS.test(name)) refuse();
    at = end + 2;
  }
}

function refuse(): never {
  throw new Refused();
}
