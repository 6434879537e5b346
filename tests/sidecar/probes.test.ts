import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type ProbeTable, probeTable } from "../../core/wire/probe-table.ts";
import {
  PROBE_ANSWER_LIMIT_BYTES,
  PROBE_CONNECTION_LIMIT_PER_ADDRESS,
  PROBE_HEAD_LIMIT_BYTES,
  PROBE_REDIRECT_LIMIT,
} from "../../sidecar/limits.ts";
import { listenProbes } from "../../sidecar/probes/listener.ts";
import { createProber } from "../../sidecar/probes/prober.ts";
import { get, openSmallMesh, POD_PORT, type Pod, type SmallMesh, sendRaw } from "../support/small-mesh.ts";

const TOKEN = "0123456789abcdef".repeat(2);
const GET = { path: "/", scheme: "HTTP" } as const;
const servers: Server[] = [];
let mesh: SmallMesh;
let ip: string;

beforeAll(async () => {
  mesh = await openSmallMesh(["web", "api"]);
  ip = `${mesh.block}.21`;
});

afterAll(async () => {
  for (const server of servers) server.close();
  await mesh.close();
});

async function listen<S extends Server>(server: S): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, ip, resolve));
  return (server.address() as AddressInfo).port;
}

const http = (answer: RequestListener): Promise<number> => listen(createServer(answer));

/** The probe port of a sidecar that makes these probes, closed when the work is done. */
async function probing(app: ProbeTable, work: (address: string) => Promise<void>): Promise<void> {
  const prober = createProber(app, { host: ip, dial: (port) => ({ host: ip, port }) });
  const server = await listenProbes({ host: ip, port: 0 }, { "GET /healthz": () => ({ body: "ok" }) }, prober);
  await work(`${ip}:${(server.address() as AddressInfo).port}`).finally(() => {
    prober.close();
    server.close();
    server.closeAllConnections();
  });
}

/** What the kubelet would be answered for one probe. */
async function probe(target: Record<string, unknown>): Promise<{ status: number; body: string }> {
  let answer = { status: 0, body: "" };
  await probing(probeTable.parse({ "web/livez": { timeoutSeconds: 1, ...target } }), async (address) => {
    answer = await get(address, "kubelet", "/app-health/web/livez");
  });
  return answer;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return port;
}

describe("under strict mutual TLS", () => {
  it("the kubelet is refused at the port and answered through the sidecar, which asks as the kubelet would", async () => {
    let seen: IncomingMessage | undefined;
    const headers = [
      { name: "Host", value: "shop.example" },
      { name: "X-Probe", value: "1" },
      { name: "x-probe", value: "2" },
      { name: "Content-Length", value: "7" },
    ];
    const httpGet = { path: "healthz?deep=1", port: "http", httpHeaders: headers };
    const app: RequestListener = (request, response) => {
      seen = request;
      response.end("secret of the application");
    };
    const work = async ({ probes }: Pod) => {
      expect((await get(`${ip}:${POD_PORT}`, "web", "/healthz")).status).toBe(403);
      const { status, body } = await get(probes, "kubelet", "/app-health/web/livez", ["x-evil: 1", "host: evil"]);
      expect({ status, body }).toEqual({ status: 200, body: "ok\n" });
    };
    const target = { port: POD_PORT, timeoutSeconds: 1, httpGet };
    const config = { probes: { listen: `${ip}:0`, app: { "web/livez": target } } };
    await work(await mesh.start({ name: "web", app, config }));
    expect(`${seen?.method} ${seen?.url}`).toBe("GET /healthz?deep=1");
    expect(seen?.headers).toEqual({
      host: "shop.example",
      connection: "close",
      accept: "*/*",
      "user-agent": "kube-probe/outrider",
      "x-probe": "1, 2",
    });
  });

  it("the probe port says how the sidecar does, too, and nothing else of its admin port", async () => {
    const config = { probes: { listen: `${mesh.block}.22:0` } };
    const { probes, stop } = await mesh.start({ name: "api", config });
    const statuses = ["/healthz", "/readyz", "/metrics", "/config", "/connections"].map(
      async (path) => (await get(probes, "kubelet", path)).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 200, 200, 404, 404]);
    const drain = "POST /drain HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    expect((await sendRaw(probes, [drain])).status).toBe(404);
    await stop();
  });
});

describe("an HTTP probe", () => {
  it.each([
    [204, 200],
    [399, 200],
    [404, 404],
    [503, 503],
    [700, 502],
  ])("answered with %d is reported as %d", async (answered, reported) => {
    const port = await http((_, response) => response.writeHead(answered).end("body"));
    const { status, body } = await probe({ port, httpGet: {} });
    expect(status).toBe(reported);
    expect(body).not.toContain("body");
  });

  it("over HTTPS verifies no certificate", async () => {
    const { certChainPem: cert, keyPem: key } = mesh.svid("stranger").current();
    const server = createHttpsServer({ cert, key }, (_, response) => response.end());
    expect(await probe({ port: await listen(server), httpGet: { scheme: "HTTPS" } })).toMatchObject({ status: 200 });
  });

  it("reads no more of the answer than the kubelet does", async () => {
    let sent = 0;
    const port = await http((_, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.on("drain", more);
      more();
    });
    expect(await probe({ port, httpGet: {} })).toMatchObject({ status: 200 });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    expect(PROBE_ANSWER_LIMIT_BYTES).toBe(10 * 1024);
  });

  it("fails when the answer's head is over the limit", async () => {
    const port = await http((_, response) => response.setHeader("x", "y".repeat(PROBE_HEAD_LIMIT_BYTES)).end());
    expect(await probe({ port, httpGet: {} })).toMatchObject({ status: 503, body: "HPE_HEADER_OVERFLOW\n" });
  });

  it("fails by its own time-out, and says so", async () => {
    const port = await http(() => {});
    expect(await probe({ port, httpGet: {} })).toMatchObject({ status: 503, body: "no answer within 1 s\n" });
  });

  it("that was never answered names the system's reason", async () => {
    expect(await probe({ port: await freePort(), httpGet: {} })).toMatchObject({ status: 503, body: "ECONNREFUSED\n" });
  });
});

describe("a redirect", () => {
  const redirecting = (to: (request: IncomingMessage) => string | undefined) =>
    http((request, response) => {
      const location = to(request);
      response.writeHead(location === undefined ? 418 : 302, location === undefined ? {} : { location }).end();
    });

  it("to the same host is followed, wherever it leads there", async () => {
    const other = await http((_, response) => response.writeHead(418).end());
    const port = await redirecting(({ url }) => (url === "/" ? "/next" : `http://${ip}:${other}/`));
    expect(await probe({ port, httpGet: {} })).toMatchObject({ status: 418 });
  });

  it("to another host is not followed, and counts as success", async () => {
    let asked = 0;
    const server = createServer((_, response) => response.end(String(asked++)));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, `${mesh.block}.99`, resolve));
    const { port: stranger } = server.address() as AddressInfo;
    const port = await redirecting(() => `http://${mesh.block}.99:${stranger}/`);
    expect(await probe({ port, httpGet: {} })).toMatchObject({ status: 200 });
    expect(asked).toBe(0);
  });

  it("that never ends fails", async () => {
    let asked = 0;
    const port = await redirecting(() => `/${asked++}`);
    expect(await probe({ port, httpGet: {} })).toMatchObject({ status: 503, body: "stopped after 10 redirects\n" });
    expect(asked).toBe(PROBE_REDIRECT_LIMIT + 1);
  });

  it.each([
    ["to a port of the mesh", () => `http://${ip}:15020/config`, "POLICY_DENIED"],
    ["to another protocol", () => "ftp://x/", "UPSTREAM_MALFORMED"],
  ])("%s fails", async (_, to, body) => {
    expect(await probe({ port: await redirecting(to), httpGet: {} })).toEqual(
      expect.objectContaining({ status: 503, body: `${body}\n` }),
    );
  });
});

describe("a TCP probe", () => {
  it("passes where the application listens, and only there", async () => {
    const port = await listen(createTcpServer((socket) => socket.on("error", () => {})));
    expect(await probe({ port, tcpSocket: {} })).toMatchObject({ status: 200 });
    expect(await probe({ port: await freePort(), tcpSocket: {} })).toMatchObject({ status: 503 });
  });
});

describe("a gRPC probe", () => {
  /** A health service that answers with these bytes and trailers. */
  const health = (answer: (stream: ServerHttp2Stream, body: Buffer, path: string) => void) => {
    const server = createHttp2Server();
    server.on("stream", (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on("error", () => {});
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => answer(stream, Buffer.concat(chunks), String(headers[":path"])));
    });
    return listen(server as unknown as Server);
  };
  const respond = (stream: ServerHttp2Stream, message: number[], grpcStatus = "0"): void => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": grpcStatus }));
    stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]));
  };

  it("asks the health service about the service it names", async () => {
    let asked = "";
    const port = await health((stream, body, path) => {
      asked = `${path} ${body.toString("hex")}`;
      respond(stream, [0x08, 1]);
    });
    expect(await probe({ port, grpc: { port, service: "pay" } })).toMatchObject({ status: 200 });
    expect(asked).toBe("/grpc.health.v1.Health/Check 00000000050a03706179");
  });

  it.each([
    ["when it is not serving", [0x08, 2], "0", "health NOT_SERVING\n"],
    ["when it does not say", [], "0", "health UNKNOWN\n"],
    ["when the service is unknown", [], "5", "grpc-status 5\n"],
  ])("fails %s", async (_, message, grpcStatus, body) => {
    const port = await health((stream) => respond(stream, message, grpcStatus));
    expect(await probe({ port, grpc: { port } })).toMatchObject({ status: 503, body });
  });

  it("fails on an answer that is too large, or no message, or no HTTP/2", async () => {
    const large = await health((stream) => stream.respond() ?? stream.end(Buffer.alloc(1024 * 1024)));
    const none = await health((stream) => stream.respond() ?? stream.end("odd"));
    const http1 = await http((_, response) => response.end());
    for (const port of [large, none, http1]) {
      expect(await probe({ port, grpc: { port } })).toMatchObject({ status: 503 });
    }
  });
});

describe("a hook", () => {
  const app = (port: number) => ({
    [`web/prestop/${TOKEN}`]: { port, timeoutSeconds: 300, httpGet: { ...GET, path: "/bye" } },
  });

  it("is made for whoever knows its token, and any answer will do, as for the kubelet", async () => {
    const asked: (string | undefined)[] = [];
    const port = await http(({ url }, response) => {
      asked.push(url);
      response.writeHead(500).end();
    });
    await probing(app(port), async (probes) => {
      expect((await get(probes, "x", `/app-health/web/prestop/${"0".repeat(32)}`)).status).toBe(404);
      expect((await get(probes, "x", "/app-health/web/prestop")).status).toBe(404);
      expect(asked).toEqual([]);
      expect((await get(probes, "x", `/app-health/web/prestop/${TOKEN}`)).status).toBe(200);
    });
    expect(asked).toEqual(["/bye"]);
  });

  it("that gets no answer is not answered, since the kubelet looks at no status", async () => {
    await probing(app(await freePort()), async (probes) => {
      expect((await get(probes, "x", `/app-health/web/prestop/${TOKEN}`)).raw).toBe("");
    });
  });
});

describe("a stranger at the probe port", () => {
  it.each([
    "/app-health/web/readyz",
    "/app-health/other/livez",
    "/app-health/web/livez/",
    "/app-health/web/livez?x=1",
    "/app-health/web/%6civez",
    "/app-health/../config",
    "/app-health/constructor",
    "http://127.0.0.1/app-health/web/livez",
  ])("gets nothing for %s", async (path) => {
    const port = await http((_, response) => response.end());
    await probing({ "web/livez": { port, timeoutSeconds: 1, httpGet: GET } }, async (probes) => {
      expect((await get(probes, "x", path)).status).toBe(404);
    });
  });

  it("costs the application one request at a time, however many he makes", async () => {
    let asked = 0;
    const port = await http((_, response) => {
      asked++;
      setTimeout(() => response.end(), 200);
    });
    await probing({ "web/livez": { port, timeoutSeconds: 1, httpGet: GET } }, async (probes) => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get(probes, "x", "/app-health/web/livez")));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
    });
    expect(asked).toBeLessThanOrEqual(2);
  });

  it("who holds many connections does not shut others out", async () => {
    await probing({}, async (probes) => {
      const [host = "", port] = probes.split(":");
      const open = Array.from({ length: PROBE_CONNECTION_LIMIT_PER_ADDRESS + 8 }, () =>
        connect({ host, port: Number(port), localAddress: `${mesh.block}.77` }).on("error", () => {}),
      );
      await Promise.all(open.slice(-8).map((socket) => once(socket.resume(), "close")));
      expect((await get(probes, "kubelet", "/healthz")).status).toBe(200);
      for (const socket of open) socket.destroy();
    });
  });
});
