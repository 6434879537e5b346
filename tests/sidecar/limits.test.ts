import { EventEmitter } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { Log } from "../../core/base/log.ts";
import { silentLog } from "../../core/base/log.ts";
import type { Endpoint } from "../../core/policy/snapshot.ts";
import { Balancer } from "../../sidecar/balance.ts";
import { Connections } from "../../sidecar/connections/connections.ts";
import { lineReader } from "../../sidecar/control/lines.ts";
import { ClientConnection, type ResponseSink } from "../../sidecar/http/client.ts";
import { type Exchange, ServerConnection } from "../../sidecar/http/server.ts";
import { Sweeper } from "../../sidecar/http/sweeper.ts";
import {
  ACCESS_LOG_BYTES_PER_SECOND,
  CONNECTION_LIMIT,
  HEAD_MS,
  KEEP_ALIVE_MS,
  LINGER_MS,
  PENDING_LIMIT_PER_ENDPOINT,
  POOL_IDLE_LIMIT,
  RESPONSE_MS,
  STALL_MS,
} from "../../sidecar/limits.ts";
import { AccessLog } from "../../sidecar/telemetry/access-log.ts";
import { Pool } from "../../sidecar/upstream/pool.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Two ends of one TCP connection. */
async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const far = connect({ host: "127.0.0.1", port });
  far.on("error", () => {});
  const near = await accepted;
  server.close();
  closers.push(
    () => void far.destroy(),
    () => void near.destroy(),
  );
  return { near, far };
}

async function serverConnection() {
  const { near, far } = await pair();
  const sweeper = new Sweeper();
  closers.push(() => sweeper.close());
  const requests: Exchange[] = [];
  const malformed: string[] = [];
  const arrived = new EventEmitter();
  const connection = new ServerConnection(near, sweeper, {
    request: (exchange) => {
      requests.push(exchange);
      arrived.emit("request");
    },
    malformed: (refused, error) => {
      malformed.push(error.code);
      refused.close(false);
    },
  });
  return {
    connection,
    far,
    requests,
    malformed,
    arrived,
    later: (ms: number) => connection.sweep(performance.now() + ms),
  };
}

const tick = () => new Promise((resolve) => setTimeout(resolve, 10));

describe("time runs out for a client", () => {
  it("that sends its head too slowly: 408", async () => {
    const { far, malformed, later } = await serverConnection();
    far.write("GET / HTTP/1.1\r\nHo");
    await tick();
    later(HEAD_MS / 2);
    expect(malformed).toEqual([]);
    later(HEAD_MS + 1);
    expect(malformed).toEqual(["REQUEST_TIMEOUT"]);
  });

  it("that keeps an idle connection: closed", async () => {
    const { far, later } = await serverConnection();
    const ended = new Promise((resolve) => far.once("end", resolve).resume());
    later(KEEP_ALIVE_MS + 1);
    await ended;
  });

  it("that stops in the middle of a body", async () => {
    const { far, requests, arrived, later } = await serverConnection();
    const request = new Promise((resolve) => arrived.once("request", resolve));
    far.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    await request;
    const failed: string[] = [];
    const failure = (error: Error & { code?: string }) => void failed.push(error.code ?? error.name);
    requests[0]?.receive({ body: () => {}, end: () => {}, drained: () => {}, failed: failure });
    later(STALL_MS + 1);
    expect(failed).toEqual(["REQUEST_TIMEOUT"]);
  });
});

describe("an answer that cannot be finished", () => {
  it("is reset at once, also when its reader takes nothing", async () => {
    const { connection, far, arrived } = await serverConnection();
    const asked = new Promise((resolve) => arrived.once("request", resolve));
    far.pause();
    far.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await asked;
    const answer = Buffer.alloc(16 * 1024 * 1024);
    connection.write(answer);
    connection.reset();
    await tick();
    let received = 0;
    far.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    far.resume();
    const failure = await new Promise((resolve) => far.once("error", resolve));
    expect(failure).toMatchObject({ code: "ECONNRESET" });
    expect(received).toBeLessThan(answer.length);
  });
});

describe("a client that is slow, not hostile,", () => {
  const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

  it("gets its whole answer, however long the last bytes wait", async () => {
    const { connection, far, arrived, later } = await serverConnection();
    const asked = new Promise((resolve) => arrived.once("request", resolve));
    far.pause();
    far.write(request);
    await asked;
    const answer = Buffer.alloc(16 * 1024 * 1024);
    connection.write(answer);
    connection.finish(false);
    later(LINGER_MS * 5);
    let received = 0;
    for await (const chunk of far as AsyncIterable<Buffer>) received += chunk.length;
    expect(received).toBe(answer.length);
  });

  it("is answered for every request it pipelined, also when it has closed its side", async () => {
    const { connection, far, requests } = await serverConnection();
    far.end(request + request);
    let received = "";
    far.on("data", (chunk: Buffer) => {
      received += chunk.toString();
    });
    while (requests.length === 0) await tick();
    connection.write(Buffer.from("first "));
    connection.finish(true);
    connection.ended();
    await tick();
    expect(requests).toHaveLength(2);
    connection.write(Buffer.from("second"));
    connection.finish(false);
    await new Promise((resolve) => far.once("end", resolve));
    expect(received).toBe("first second");
  });
});

describe("time runs out for an upstream", () => {
  it.each([
    ["that does not answer", "", RESPONSE_MS],
    ["that stops in the middle of its answer", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", STALL_MS],
  ])("%s", async (_, sent, limitMs) => {
    const { near, far } = await pair();
    const sweeper = new Sweeper();
    closers.push(() => sweeper.close());
    const connection = new ClientConnection(near, sweeper);
    const failed: string[] = [];
    const nothing = () => {};
    const sink: ResponseSink = {
      responseHead: nothing,
      responseBody: nothing,
      responseData: nothing,
      responseEnd: nothing,
      upstreamDrained: nothing,
      cork: nothing,
      uncork: nothing,
      responseFailed: (error) => void failed.push((error as Error & { code: string }).code),
    };
    connection.begin("GET", sink);
    connection.requestSent();
    far.write(sent);
    await tick();
    connection.sweep(performance.now() + limitMs / 2);
    expect(failed).toEqual([]);
    connection.sweep(performance.now() + limitMs + 1);
    expect(failed).toEqual(["UPSTREAM_TIMEOUT"]);
  });
});

describe("what is held is bounded", () => {
  it("connections", () => {
    const connections = new Connections();
    const socket = () => new EventEmitter() as Socket;
    const base = { direction: "inbound", port: 1, remoteIp: "", openedMs: 0, closeAfterMs: 0 } as const;
    const taken = Array.from({ length: CONNECTION_LIMIT + 1 }, () => connections.add({ ...base, socket: socket() }));
    expect(taken.filter(Boolean)).toHaveLength(CONNECTION_LIMIT);
    connections.all()[0]?.socket.emit("close");
    expect(connections.add({ ...base, socket: socket() })).toBe(true);
  });

  it("idle upstream connections, the newest used first", async () => {
    const sweeper = new Sweeper();
    closers.push(() => sweeper.close());
    const pool = new Pool(1000, sweeper);
    const made: ClientConnection[] = [];
    for (let i = 0; i <= POOL_IDLE_LIMIT; i++) {
      const connection = new ClientConnection((await pair()).near, sweeper);
      pool.add("a", connection);
      made.push(connection);
    }
    for (const connection of made) pool.give("a", connection);
    expect(pool.counts().get("a")?.idle).toBe(POOL_IDLE_LIMIT);
    expect(pool.take("a")).toBe(made[POOL_IDLE_LIMIT - 1]);
    expect(pool.take("b")).toBeUndefined();
    pool.retire(() => false);
    expect(pool.take("a")).toBeUndefined();
    pool.close();
  });

  it("lines of the access log", () => {
    const lines: string[] = [];
    const log: Log = { ...silentLog, info: (_, message) => void lines.push(message) };
    const access = new AccessLog(log, "all");
    for (let i = 0; i < 5000; i++) access.write({ code: "X", text: "y".repeat(100) });
    expect(lines.length).toBeLessThanOrEqual(ACCESS_LOG_BYTES_PER_SECOND / 100);
    expect(lines.length).toBeGreaterThan(100);
  });

  it("a line from the control plane", () => {
    const read = lineReader(10);
    expect(read(Buffer.from("ab\nc"))).toEqual(["ab"]);
    expect(read(Buffer.from("d\n"))).toEqual(["cd"]);
    expect(() => read(Buffer.from("x".repeat(11)))).toThrow("a line over 10 bytes");
  });
});

describe("the balancer", () => {
  const endpoint = (n: number): Endpoint => ({ ip: `10.0.0.${n}`, port: 80, podUid: `u${n}`, spiffeId: "" });
  const three = [endpoint(1), endpoint(2), endpoint(3)];
  const count = (balancer: Balancer, times: number, nowMs: number) => {
    const picked = new Map<string, number>();
    for (let i = 0; i < times; i++) {
      const { ip } = balancer.pick(three, [], nowMs);
      picked.set(ip, (picked.get(ip) ?? 0) + 1);
    }
    return picked;
  };

  it("prefers the endpoint that answers sooner and has less to do", () => {
    const balancer = new Balancer();
    balancer.answered(endpoint(1), 500, 0);
    balancer.load(endpoint(2)).pending = 50;
    const picked = count(balancer, 300, 1);
    expect(picked.get("10.0.0.3")).toBeGreaterThan((picked.get("10.0.0.1") ?? 0) + (picked.get("10.0.0.2") ?? 0) - 60);
  });

  it("leaves out an endpoint that took no connection, and comes back to it", () => {
    const balancer = new Balancer();
    balancer.failed(endpoint(1), 0);
    expect(count(balancer, 100, 500).has("10.0.0.1")).toBe(false);
    expect(count(balancer, 100, 1500).has("10.0.0.1")).toBe(true);
  });

  it("uses an ejected endpoint when there is no other, never a full one", () => {
    const balancer = new Balancer();
    balancer.failed(endpoint(1), 0);
    expect(balancer.pick([endpoint(1)], [], 1).ip).toBe("10.0.0.1");
    balancer.load(endpoint(1)).pending = PENDING_LIMIT_PER_ENDPOINT;
    expect(() => balancer.pick([endpoint(1)], [], 1)).toThrow(expect.objectContaining({ code: "OVERLOADED" }));
  });
});
