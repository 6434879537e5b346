import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openSmallMesh, type Pod, type SmallMesh } from "../support/small-mesh.ts";
import { type Judged, judge } from "./rfc9112.ts";

const SEED = 20_261_121;
const STREAMS = 600;

/** Bytes that readers of HTTP have disagreed about. */
const POISON = [
  "\r",
  "\n",
  "\0",
  " ",
  "\t",
  ":",
  ";",
  '"',
  "\x0b",
  "\x85",
  "\r\n",
  "\r\n\r\n",
  "0\r\n\r\n",
  "0;a=\r\n\r\n",
  " folded\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: +5\r\n",
  "Content-Length: 5, 5\r\n",
  "Content-Length : 5\r\n",
  "content_length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "Transfer-Encoding: chunked, identity\r\n",
  "Transfer-Encoding:\x0bchunked\r\n",
  "Transfer-Encoding\t: chunked\r\n",
  "\nTransfer-Encoding: chunked\r\n",
  "Connection: content-length\r\n",
  "Connection: close\r\n",
  "Expect: 100-continue\r\n",
  "Host: b\r\n",
  "x: y\rGET /bare HTTP/1.1\r\n",
  "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
] as const;

type Random = () => number;

/** mulberry32: the same streams for the same seed, on every machine. */
function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const below = (random: Random, limit: number) => Math.floor(random() * limit);
const oneOf = <T>(random: Random, values: readonly T[]) => values[below(random, values.length)] as T;

function goodRequest(random: Random, n: number): string {
  const target = oneOf(random, [`/r${n}`, `/r${n}?q=1`, `http://a/r${n}`, `/r${n}/%2e%2e/x`]);
  const head = (method: string, more: string) => `${method} ${target} HTTP/1.1\r\nHost: a\r\nX-N: ${n}\r\n${more}\r\n`;
  const text = "abcdefgh".repeat(1 + below(random, 3));
  switch (below(random, 4)) {
    case 0:
      return head(oneOf(random, ["GET", "HEAD", "DELETE"]), "");
    case 1:
      return `${head("POST", `Content-Length: ${text.length}\r\n`)}${text}`;
    case 2:
      return `${head("PUT", "Transfer-Encoding: chunked\r\n")}3;e="x"\r\nabc\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    default:
      return `${head("POST", "Transfer-Encoding: chunked\r\n")}5\r\nGET /\r\n0\r\nX-Trailer: 1\r\n\r\n`;
  }
}

function mutated(random: Random, text: string): string {
  const lineStarts = [...text.matchAll(/\r\n/g)].map(({ index }) => index + 2);
  const at = random() < 0.6 ? oneOf(random, [0, ...lineStarts]) : below(random, text.length);
  switch (below(random, 6)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(below(random, 256)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + below(random, 3));
    case 2:
      return text.slice(0, at) + text.slice(at, at + 8) + text.slice(at);
    default:
      return text.slice(0, at) + oneOf(random, POISON) + text.slice(at);
  }
}

function streamOf(random: Random): string {
  let text = Array.from({ length: 1 + below(random, 4) }, (_, n) => goodRequest(random, n)).join("");
  for (let edits = below(random, 4); edits > 0; edits--) text = mutated(random, text);
  return text;
}

/** What the application received, and how often that was no unambiguous request. */
const received: Judged[] = [];
const ambiguous: string[] = [];

function application(socket: Socket): void {
  let text = "";
  let answered = 0;
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    const { requests, stopped } = judge(text);
    if (stopped === "refused" || stopped === "close") ambiguous.push(text);
    for (const request of requests.slice(answered)) {
      received.push(request);
      socket.write(
        `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: ${request.method} ${request.path}\r\n\r\n`,
        "latin1",
      );
    }
    answered = requests.length;
  });
}

/** Sends the stream in pieces, then closes that direction. @returns every byte of the answers */
async function send(address: string, stream: string, random: Random): Promise<string> {
  const [host = "", port] = address.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const cuts = [below(random, stream.length + 1), below(random, stream.length + 1)].toSorted((a, b) => a - b);
  for (const [from, to] of [
    [0, cuts[0]],
    [cuts[0], cuts[1]],
    [cuts[1], stream.length],
  ]) {
    socket.write(Buffer.from(stream.slice(from, to), "latin1"));
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  await closed;
  return Buffer.concat(chunks).toString("latin1");
}

const shown = ({ method, path, body }: Judged) => `${method} ${path} ${JSON.stringify(body)}`;

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const each of whole) if (each === part[at]) at++;
  return at === part.length;
}

describe("the application behind two sidecars, under mutated request streams,", () => {
  let mesh: SmallMesh;
  let pod: Pod;

  beforeAll(async () => {
    mesh = await openSmallMesh(["a"]);
    pod = await mesh.start({ name: "a", rawApp: application });
  });
  afterAll(() => mesh.close());

  it("sees only requests that a strict reading of the stream finds, and answers reach the one who asked", async () => {
    const random = seeded(SEED);
    let carried = 0;
    for (let n = 0; n < STREAMS; n++) {
      const stream = streamOf(random);
      received.length = 0;
      const answers = await send(pod.outbound, stream, random);
      const seen = received.map(shown);
      const expected = judge(stream).requests.map(shown);
      const about = `seed ${SEED}, stream ${n}: ${JSON.stringify(stream)}\nanswers ${JSON.stringify(answers)}`;
      if (ambiguous.length > 0) throw new Error(`${about}\nambiguous upstream: ${JSON.stringify(ambiguous)}`);
      const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d)\d\d/g)].map(([, digit]) => digit);
      const clean = statuses.every((digit) => digit === "2" || digit === "1");
      const fits = clean ? seen.join("\n") === expected.join("\n") : isSubsequence(seen, expected);
      if (!fits) throw new Error(`${about}\nseen ${seen.join(" | ")}\nexpected ${expected.join(" | ")}`);
      const told = [...answers.matchAll(/X-Seen: (.*)\r\n/g)].map(([, which]) => which);
      expect(told).toEqual(received.map(({ method, path }) => `${method} ${path}`));
      carried += seen.length;
    }
    expect(carried).toBeGreaterThan(STREAMS / 2);
  });
});
