import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";

/** Where load goes: one address, its CA, and the bodies posted in turn. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** PEM; absent where the peer's certificate is its own affair. */
  readonly ca?: string;
  readonly path: string;
  readonly bodies: readonly string[];
  /** Looks at every answer's body; throws when it is not what was expected. */
  readonly check: (body: string) => void;
}

/** What a run of load saw, latencies in milliseconds, one per answer. */
export interface LoadResult {
  readonly answers: number;
  readonly latenciesMs: readonly number[];
  readonly seconds: number;
}

/** One keep-alive connection that posts one body at a time: cheap, so that the generator is not what is measured. */
interface Lane {
  /** Resolves with the answer's body. */
  post(request: Buffer): Promise<string>;
  close(): void;
}

/** As many reviews as `connections` can have answered, each sending its next when it has its answer. */
export async function closedLoop(target: Target, connections: number, durationMs: number): Promise<LoadResult> {
  const lanes = await openLanes(target, connections);
  const requests = requestsOf(target);
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  let next = 0;
  const drive = async (lane: Lane) => {
    while (performance.now() - startedMs < durationMs) {
      const sentMs = performance.now();
      target.check(await lane.post(requests[next++ % requests.length] as Buffer));
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(lanes.map(drive));
  const seconds = (performance.now() - startedMs) / 1000;
  for (const lane of lanes) lane.close();
  return { answers: latenciesMs.length, latenciesMs, seconds };
}

/**
 * Reviews at a steady rate whatever the answers do: latency counts from when a review was due, so that a stall delays
 * all that came due in it (no coordinated omission).
 */
export async function openLoop(
  target: Target,
  connections: number,
  perSecond: number,
  durationMs: number,
): Promise<LoadResult> {
  const lanes = await openLanes(target, connections);
  const requests = requestsOf(target);
  const latenciesMs: number[] = [];
  const underWay: Promise<void>[] = [];
  const startedMs = performance.now();
  const free = [...lanes];
  const due: number[] = [];
  const start = (lane: Lane, dueMs: number, index: number): Promise<void> =>
    lane.post(requests[index % requests.length] as Buffer).then((body) => {
      target.check(body);
      latenciesMs.push(performance.now() - dueMs);
      const waiting = due.shift();
      if (waiting === undefined) free.push(lane);
      else underWay.push(start(lane, waiting, index + 1));
    });
  for (let sent = 0; sent < (perSecond * durationMs) / 1000; ) {
    const nowMs = performance.now() - startedMs;
    for (; sent < (nowMs * perSecond) / 1000; sent++) {
      const dueMs = startedMs + (sent * 1000) / perSecond;
      const lane = free.pop();
      if (lane === undefined) due.push(dueMs);
      else underWay.push(start(lane, dueMs, sent));
    }
    await sleep(1);
  }
  while (underWay.length > 0) await underWay.shift();
  const seconds = (performance.now() - startedMs) / 1000;
  for (const lane of lanes) lane.close();
  return { answers: latenciesMs.length, latenciesMs, seconds };
}

/** One review after the other over one connection; latencies in the order of the bodies. */
export async function oneByOne(target: Target): Promise<LoadResult> {
  const [lane] = await openLanes(target, 1);
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  for (const request of requestsOf(target)) {
    const sentMs = performance.now();
    target.check((await lane?.post(request)) ?? "");
    latenciesMs.push(performance.now() - sentMs);
  }
  lane?.close();
  return { answers: latenciesMs.length, latenciesMs, seconds: (performance.now() - startedMs) / 1000 };
}

function requestsOf({ host, port, path, bodies }: Target): Buffer[] {
  return bodies.map((body) => {
    const head = [`POST ${path} HTTP/1.1`, `host: ${host}:${port}`, "content-type: application/json"];
    return Buffer.from(`${head.join("\r\n")}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  });
}

function openLanes(target: Target, count: number): Promise<Lane[]> {
  return Promise.all(Array.from({ length: count }, () => openLane(target)));
}

async function openLane({ host, port, ca }: Target): Promise<Lane> {
  const trust = ca === undefined ? { rejectUnauthorized: false } : { ca };
  const socket = connect({ host, port, ...trust, minVersion: "TLSv1.3", checkServerIdentity: () => undefined });
  await once(socket, "secureConnect");
  socket.setNoDelay(true);
  return laneOver(socket);
}

function laneOver(socket: TLSSocket): Lane {
  let received = Buffer.alloc(0);
  let waiting: { resolve(body: string): void; reject(error: Error): void } | undefined;
  socket.on("data", (bytes) => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    const body = bodyOf(received);
    if (body === undefined) return;
    received = Buffer.alloc(0);
    waiting?.resolve(body);
  });
  socket.on("error", (error) => waiting?.reject(error));
  socket.on("close", () => waiting?.reject(new Error("the peer closed the connection")));
  return {
    post: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => {
      waiting = undefined;
      socket.destroy();
    },
  };
}

/** The body of a whole answer with a Content-Length; `undefined` while bytes are missing. */
function bodyOf(bytes: Buffer): string | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd === -1) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const length = /^content-length: *(\d+)$/im.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${head.slice(0, 300)}`);
  const bodyAt = headEnd + 4;
  return bytes.length < bodyAt + Number(length) ? undefined : bytes.toString("utf8", bodyAt, bodyAt + Number(length));
}
