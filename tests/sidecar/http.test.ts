import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { bytesOf, REFUSED_REQUESTS, REFUSED_RESPONSES } from "../core/wire/http1-cases.ts";
import {
  openSmallMesh,
  type Pod,
  parseAnswer,
  type RawAnswer,
  type SmallMesh,
  sendRaw,
} from "../support/small-mesh.ts";

/** Bytes that the raw application answers with, by path; set by each test. */
const rawAnswers = new Map<string, string | ((socket: Socket, nth: number) => void)>();
/** Everything the raw application received, latest connection last. */
const rawSeen: string[] = [];

function app(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === "/no-content") response.writeHead(204).end();
  else if (request.url === "/not-modified") response.writeHead(304, { etag: "x" }).end();
  else if (request.url === "/early") {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    response.end("late");
  } else if (request.url === "/trailers") {
    response.writeHead(200, { trailer: "digest" });
    response.addTrailers({ digest: "abc" });
    response.end("body");
  } else echo(request, response);
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("error", () => {});
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    const { method, url, headers, trailers } = request;
    const text =
      request.url === "/big" ? body : JSON.stringify({ method, url, headers, trailers, body: body.toString() });
    response.setHeader("content-length", Buffer.byteLength(text));
    response.setHeader("connection", "keep-alive, x-hop");
    response.setHeader("x-hop", "1");
    response.setHeader("x-outrider-denied-by", "forged");
    response.end(text);
  });
}

describe("HTTP/1.1 through two sidecars", () => {
  let mesh: SmallMesh;
  let web: Pod;
  const send = (pieces: readonly (string | Uint8Array)[]): Promise<RawAnswer> => sendRaw(web.outbound, pieces);
  const request = (line: string, fields: readonly string[] = [], body = "", host = "payments"): string =>
    `${[`${line} HTTP/1.1`, `Host: ${host}`, ...fields].join("\r\n")}\r\n\r\n${body}`;
  const close = "Connection: close";

  beforeAll(async () => {
    mesh = await openSmallMesh(["web", "payments", "raw"]);
    web = await mesh.start({ name: "web" });
    await mesh.start({ name: "payments", app });
    await mesh.start({
      name: "raw",
      rawApp: (socket) => {
        const at = rawSeen.push("") - 1;
        socket.on("error", () => {});
        socket.on("data", (chunk: Buffer) => {
          rawSeen[at] += chunk.toString("latin1");
          const path = /^[A-Z]+ (\S+)/.exec(rawSeen[at] ?? "")?.[1] ?? "";
          const answer = rawAnswers.get(path);
          if (typeof answer === "function") answer(socket, (rawSeen[at]?.match(/HTTP\/1\.1\r\n/g) ?? []).length);
          else if (answer !== undefined) socket.end(answer, "latin1");
        });
      },
    });
  });
  afterAll(() => mesh.close());

  it("keeps a connection open and answers a pipeline in order", async () => {
    const pipeline = Array.from({ length: 50 }, (_, i) => request(`GET /${i}`)).join("");
    const { raw } = await send([`${pipeline}${request("GET /last", [close])}`]);
    const seen = [...raw.matchAll(/"url":"\/(\w+)"/g)].map(([, url]) => url);
    expect(seen).toEqual([...Array.from({ length: 50 }, (_, i) => String(i)), "last"]);
  });

  it("passes on exactly what was judged, without the fields of one hop", async () => {
    const fields = [
      "X-Mixed: a  b",
      "Connection: close, X-Secret",
      "X-Secret: 1",
      "Keep-Alive: timeout=5",
      "TE: trailers",
      "Proxy-Connection: x",
      "x_outrider_peer: spiffe://evil",
      "Upgrade: h2c",
    ];
    const { body, headers } = await send([request("GET /a%2Fb?c=d", fields)]);
    const seen = JSON.parse(body) as { url: string; headers: Record<string, string> };
    expect(seen.url).toBe("/a%2Fb?c=d");
    expect(seen.headers["x-mixed"]).toBe("a  b");
    expect(Object.keys(seen.headers).sort()).toEqual(
      ["connection", "host", "traceparent", "x-mixed", "x-outrider-peer"].filter((n) => n !== "connection"),
    );
    expect(headers["x-hop"]).toBeUndefined();
    expect(headers["x-outrider-denied-by"]).toBeUndefined();
    expect(headers["connection"]).toBe("close");
  });

  it("carries chunked requests with extensions and trailers, byte by byte", async () => {
    const text = request(
      "POST /x",
      [close, "Transfer-Encoding: chunked"],
      '3;a="b"\r\nabc\r\n1\r\nd\r\n0\r\nDigest: x\r\n\r\n',
    );
    for (const pieces of [[text], [...text]]) {
      const { status, body } = await send(pieces);
      expect({ status, ...JSON.parse(body) }).toMatchObject({ status: 200, body: "abcd", trailers: { digest: "x" } });
    }
  });

  it("carries bodies with a length, and trailers back", async () => {
    const { body } = await send([request("PUT /y", ["Content-Length: 5"], "hello"), request("GET /trailers", [close])]);
    expect(body).toContain('"body":"hello"');
    expect(body).toContain("4\r\nbody\r\n0\r\ndigest: abc\r\n\r\n");
  });

  it("answers HEAD, 204 and 304 without a body and goes on", async () => {
    const all = [
      request("HEAD /h"),
      request("GET /no-content"),
      request("GET /not-modified"),
      request("GET /z", [close]),
    ];
    const { raw } = await send([all.join("")]);
    expect(raw.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 204", "HTTP/1.1 304", "HTTP/1.1 200"]);
    expect(raw).toContain('"url":"/z"');
    expect(raw).not.toContain('"url":"/h"');
  });

  it("passes on 100 Continue and early hints before the answer", async () => {
    const waiting = await send([request("POST /c", [close, "Expect: 100-continue", "Content-Length: 2"]), "ok"]);
    expect(waiting.raw).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
    const { raw } = await send([request("GET /early", [close])]);
    expect(raw).toMatch(/^HTTP\/1\.1 103 Early Hints\r\n.*preload\r\n\r\nHTTP\/1\.1 200/s);
  });

  it("speaks HTTP/1.0: closes, keeps alive when asked, takes chunks apart", async () => {
    const plain = await send(["GET /old HTTP/1.0\r\nHost: payments\r\n\r\n"]);
    expect(plain.status).toBe(200);
    expect(plain.headers["connection"]).toBe("close");
    const { raw, body } = await send(["GET /trailers HTTP/1.0\r\nHost: payments\r\n\r\n"]);
    expect(body).toBe("body");
    expect(raw).not.toMatch(/transfer-encoding/i);
    const kept = await send([
      "GET /a HTTP/1.0\r\nHost: payments\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\nHost: payments\r\n\r\n",
    ]);
    expect(kept.raw.match(/"url":"\/[ab]"/g)).toEqual(['"url":"/a"', '"url":"/b"']);
  });

  it("tells the end of a response that ends with its connection", async () => {
    rawAnswers.set("/close", "HTTP/1.1 200 OK\r\nX: y\r\n\r\nuntil the end");
    const { body, headers } = await send([request("GET /close", [close], "", "raw")]);
    expect(body).toBe("d\r\nuntil the end\r\n0\r\n\r\n");
    expect(headers["x"]).toBe("y");
    const old = await send(["GET /close HTTP/1.0\r\nHost: raw\r\n\r\n"]);
    expect(old.body).toBe("until the end");
    expect(old.headers["connection"]).toBe("close");
  });

  it("carries 8 MB both ways while the reader is slow", async () => {
    const size = 8 * 1024 * 1024;
    const [host = "", port] = web.outbound.split(":");
    const socket = connect({ host, port: Number(port) });
    socket.pause();
    socket.write(request("POST /big", [close, `Content-Length: ${size}`]));
    socket.write(Buffer.alloc(size, "x"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    let received = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) received += chunk.length;
    expect(received).toBeGreaterThanOrEqual(size);
    expect(received).toBeLessThan(size + 1024);
  });

  it("answers a request to an upstream that breaks off with 502", async () => {
    rawAnswers.set("/cut", "HTTP/1.1 200 OK\r\nContent-Le");
    const { status, body } = await send([request("GET /cut", [close], "", "raw")]);
    expect({ status, code: JSON.parse(body).code }).toEqual({ status: 502, code: "UPSTREAM_CLOSED" });
  });

  it("cuts the client off when the upstream breaks off in the middle of a body", async () => {
    rawAnswers.set("/half", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    const { body } = await send([request("GET /half", [], "", "raw")]);
    expect(body.length).toBeLessThan(10);
  });

  it("tells the upstream when the client goes away", async () => {
    const before = rawSeen.length;
    const [host = "", port] = web.outbound.split(":");
    const socket = connect({ host, port: Number(port) });
    socket.write(request("POST /gone", ["Content-Length: 10"], "half", "raw"));
    while ((rawSeen[before] ?? "").indexOf("half") === -1) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.destroy();
    const { status } = await send([request("GET /alive", [close])]);
    expect(status).toBe(200);
    expect(rawSeen[before]).not.toContain("GET");
  });

  it("repeats a GET, and never a POST, when an idle connection turns out to be closed", async () => {
    rawAnswers.set("/idle", (socket, nth) => {
      if (nth === 1) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      else socket.destroy();
    });
    const once = async (line: string) => (await send([request(line, [close], "", "raw")])).status;
    expect(await once("GET /idle")).toBe(200);
    expect(await once("GET /idle")).toBe(200);
    const before = rawSeen.join("").match(/POST \/idle/g)?.length ?? 0;
    expect(await once("POST /idle")).toBe(502);
    expect(rawSeen.join("").match(/POST \/idle/g)?.length).toBe(before + 1);
  });

  it.each([
    ["CONNECT", "CONNECT payments:80"],
    ["a WebSocket upgrade", "GET /ws"],
  ])("refuses %s for now", async (_, line) => {
    const fields = line.startsWith("GET") ? ["Connection: Upgrade", "Upgrade: websocket"] : [];
    const { status, headers } = await send([request(line, fields), ""]);
    expect({ status, code: headers["x-outrider-code"] }).toEqual({ status: 501, code: "UPGRADE_UNSUPPORTED" });
  });

  it("answers every ambiguous request with its code and forwards nothing of it", async () => {
    const before = rawSeen.length;
    const statuses: Record<string, number> = {};
    for (const [given, text, code] of REFUSED_REQUESTS) {
      const { status, headers } = await send([bytesOf(text.replaceAll("Host: a", "Host: raw"))]);
      if (headers["x-outrider-code"] !== code) throw new Error(`${given}: ${status} ${headers["x-outrider-code"]}`);
      statuses[code] = status;
    }
    const bodies = rawSeen.slice(before).filter((text) => /HTTP\/1\.1\r\n.*\r\n0\r\n/s.test(text));
    expect(bodies).toEqual([]);
    expect(statuses).toMatchObject({
      HTTP1_HEAD_TOO_LARGE: 431,
      HTTP1_TOO_MANY_FIELDS: 431,
      HTTP1_VERSION: 505,
      HTTP1_LENGTH_AND_CODING: 400,
    });
  });

  it("gives the same answers when bytes arrive in pieces", async () => {
    for (const [given, text, code] of REFUSED_REQUESTS) {
      const bytes = bytesOf(text.replaceAll("Host: a", "Host: raw"));
      if (bytes.length > 2000) continue;
      const cuts = [0, ...[0.2, 0.5, 0.9].map((share) => Math.floor(share * bytes.length)), bytes.length];
      const { headers } = await send(cuts.slice(1).map((cut, i) => bytes.subarray(cuts[i], cut)));
      if (headers["x-outrider-code"] !== code) throw new Error(`${given}: ${headers["x-outrider-code"]}`);
    }
  });

  it("answers for every ambiguous response with 502 and passes nothing of it on", async () => {
    for (const [given, text, code] of REFUSED_RESPONSES) {
      rawAnswers.set("/bad", text);
      const { status, body } = await send([request("GET /bad", [close], "", "raw")]);
      if (status !== 502 || !body.includes(code)) throw new Error(`${given}: ${status} ${body}`);
    }
  });

  it("refuses a second request hidden behind the first one's body", async () => {
    const hidden = request("GET /hidden", [], "", "raw");
    const { raw } = await send([
      request("POST /x", ["Content-Length: 6", "Transfer-Encoding: chunked"], `0\r\n\r\n${hidden}`, "raw"),
    ]);
    expect(raw.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400"]);
    expect(rawSeen.some((text) => text.includes("/hidden"))).toBe(false);
  });
});

describe("an answer read from a socket", () => {
  it("is parsed by the test's own client", () => {
    expect(parseAnswer("HTTP/1.1 200 OK\r\nA: b\r\n\r\nc")).toMatchObject({
      status: 200,
      headers: { a: "b" },
      body: "c",
    });
  });
});
