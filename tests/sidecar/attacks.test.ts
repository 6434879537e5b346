import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { CompiledPolicy } from "../../core/policy/snapshot.ts";
import { INTERIM_LIMIT } from "../../sidecar/limits.ts";
import {
  get,
  OPEN,
  openSmallMesh,
  POD_PORT,
  type Pod,
  parseAnswer,
  type SmallMesh,
  sendRaw,
} from "../support/small-mesh.ts";

type RawApp = (socket: Socket, request: string, nth: number) => void;

const NOBODY: CompiledPolicy = { isolated: true, isolatedBy: ["NetworkPolicy shop/closed"], rules: [] };
const close = "connection: close";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** What the raw application does with a request, by path; and every connection it has seen. */
const behaviour = new Map<string, RawApp>();
const seen: string[] = [];

function rawApp(socket: Socket): void {
  let nth = 0;
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    for (let end = text.indexOf("\r\n\r\n"); end !== -1; end = text.indexOf("\r\n\r\n")) {
      const head = text.slice(0, end + 4);
      text = text.slice(end + 4);
      seen.push(head);
      const act = behaviour.get(/^\S+ (\S+)/.exec(head)?.[1] ?? "");
      if (act === undefined) socket.write(OK);
      else act(socket, head, nth);
      nth++;
    }
  });
}

function dial(address: string, more: object = {}): Socket {
  const [host = "", port] = address.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true, ...more });
  socket.on("error", () => {});
  return socket;
}

function request(path: string, fields: readonly string[] = []): string {
  return `${[`GET ${path} HTTP/1.1`, "host: payments", ...fields].join("\r\n")}\r\n\r\n`;
}

async function until(holds: () => boolean | Promise<boolean>, timeoutMs = 5000): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (!(await holds()) && performance.now() < endMs) await sleep(5);
  return holds();
}

async function scrape(pod: Pod): Promise<string> {
  return (await fetch(`http://${pod.admin}/metrics`)).text();
}

async function connections(pod: Pod): Promise<{ direction: string; busy: boolean }[]> {
  const response = await fetch(`http://${pod.admin}/connections`);
  return ((await response.json()) as { connections: { direction: string; busy: boolean }[] }).connections;
}

/** The sum of a metric's samples whose labels include these. */
function total(metrics: string, name: string, labels: string): number {
  return metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && labels.split(",").every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

describe("what a hostile party cannot do", () => {
  let mesh: SmallMesh;
  let web: Pod;
  let payments: Pod;

  beforeAll(async () => {
    behaviour.clear();
    mesh = await openSmallMesh(["web", "payments", "batch"]);
    web = await mesh.start({ name: "web" });
    payments = await mesh.start({ name: "payments", rawApp });
  });
  afterAll(() => mesh.close());

  describe("as another pod", () => {
    it("speak through our outbound listener with our identity", async () => {
      const before = seen.length;
      const socket = dial(web.outbound, { localAddress: `${mesh.block}.99` });
      const answer: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => answer.push(chunk));
      socket.write(request("/relay", [close]));
      await until(() => socket.closed || answer.length > 0);
      socket.destroy();
      expect(parseAnswer(Buffer.concat(answer).toString())).toMatchObject({
        status: 403,
        headers: { "x-outrider-denied-by": "outbound listener: own pod only" },
      });
      expect(seen.length).toBe(before);
      expect(total(await scrape(web), "outrider_denied_total", 'direction="outbound",rule="outbound listener')).toBe(1);
    });

    it("call in plain text, or with a certificate of nobody, uncounted", async () => {
      const inbound = `${payments.ip}:${POD_PORT}`;
      const denied = async () =>
        total(await scrape(payments), "outrider_denied_total", 'direction="inbound",rule="strict mutual TLS"');
      const before = await denied();
      expect((await get(inbound, "payments", "/plain")).status).toBe(403);
      expect(await denied()).toBe(before + 1);
      await sendRaw(inbound, ["*1\r\n$4\r\nPING\r\n"]);
      expect(await denied()).toBe(before + 2);
      const tls = tlsConnect({ host: payments.ip, port: POD_PORT, rejectUnauthorized: false });
      await new Promise((resolve) =>
        tls
          .on("error", () => {})
          .once("close", resolve)
          .resume(),
      );
      expect(await until(async () => (await denied()) === before + 3)).toBe(true);
      await new Promise((resolve) => {
        const socket = dial(inbound).once("close", resolve);
        socket.write("\x16\x03", () => setTimeout(() => socket.resetAndDestroy(), 10));
      });
      expect(await denied()).toBe(before + 3);
    });

    it("fill the route labels with paths nobody serves", async () => {
      for (let i = 0; i < 3; i++) await get(`${payments.ip}:${POD_PORT}`, "payments", `/stranger-path-${"abc"[i]}`);
      const metrics = await scrape(payments);
      expect(metrics).not.toContain("stranger-path");
      expect(total(metrics, "outrider_requests_total", 'route="other",status="403"')).toBeGreaterThanOrEqual(3);
    });
  });

  describe("as the application behind the sidecar, or a broken upstream", () => {
    it("flood a client that does not read with interim responses", async () => {
      behaviour.set("/flood", (socket) => {
        const flood = () => {
          while (!socket.destroyed && socket.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(64)));
        };
        socket.on("drain", flood);
        flood();
      });
      const { raw } = await sendRaw(web.outbound, [request("/flood", [close])]);
      expect(raw.match(/HTTP\/1\.1 103/g)?.length ?? 0).toBeLessThanOrEqual(INTERIM_LIMIT);
      expect(raw).toMatch(/HTTP\/1\.1 502/);
    });

    it("pass a broken-off body for a whole one", async () => {
      behaviour.set("/unframed-cut", (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n\r\nhalf", () => setTimeout(() => socket.resetAndDestroy(), 20));
      });
      behaviour.set("/unframed", (socket) => void socket.end("HTTP/1.1 200 OK\r\n\r\nwhole"));
      const cut = await sendRaw(web.outbound, [request("/unframed-cut", [close])]);
      expect(cut.headers["transfer-encoding"]).toBe("chunked");
      expect(cut.body).toBe("4\r\nhalf\r\n");
      const whole = await sendRaw(web.outbound, [request("/unframed", [close])]);
      expect(whole.body).toBe("5\r\nwhole\r\n0\r\n\r\n");
    });

    it("answer the next client with bytes sent while idle", async () => {
      const poison = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
      behaviour.set("/idle-bytes", (socket) => {
        socket.write(OK);
        setTimeout(() => socket.write(poison), 10);
      });
      behaviour.set("/two-answers", (socket) => void socket.write(OK + poison));
      behaviour.set("/part-answer", (socket) => void socket.write(`${OK}HTTP/1.1 200 OK\r\nx: `));
      behaviour.set("/head-body", (socket) => void socket.write(OK));
      behaviour.set("/304-body", (socket) => void socket.write("HTTP/1.1 304 X\r\ncontent-length: 2\r\n\r\nok"));
      for (const path of ["/idle-bytes", "/two-answers", "/part-answer", "/304-body"]) {
        await get(web.outbound, "payments", path);
        await sleep(20);
        expect((await get(web.outbound, "payments", "/next")).body).toBe("ok");
      }
      const head = await sendRaw(web.outbound, [
        `HEAD /head-body HTTP/1.1\r\nhost: payments\r\n\r\n${request("/next", [close])}`,
      ]);
      expect(head.raw.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
      expect(head.raw.endsWith("\r\n\r\nok")).toBe(true);
    });

    it("forge what only sidecars say, from outside the mesh", async () => {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => socket.end(OK.replace("\r\n\r\n", "\r\nx-outrider-denied-by: forged\r\n\r\n")));
      });
      await new Promise<void>((resolve) => server.listen(0, `${mesh.block}.200`, resolve));
      const { port } = server.address() as { port: number };
      const before = mesh.snapshotOf(web);
      const external = { ip: `${mesh.block}.200`, port, podUid: "", spiffeId: "" };
      const service = { namespace: "shop", name: "outside", port: 80, protocol: "http", hosts: ["outside"] } as const;
      await mesh.publish(web, { outbound: [...before.outbound, { ...service, endpoints: [external] }] });
      const { status, headers } = await get(web.outbound, "outside");
      expect({ status, forged: headers["x-outrider-denied-by"] }).toEqual({ status: 200, forged: undefined });
      await mesh.publish(web, { outbound: before.outbound });
      server.close();
    });

    it("be dialled at the mesh's own ports", async () => {
      const before = mesh.snapshotOf(web);
      const own = { ip: web.ip, port: 15_001, podUid: "", spiffeId: "" };
      const service = { namespace: "shop", name: "loop", port: 80, protocol: "http", hosts: ["loop"] } as const;
      await mesh.publish(web, { outbound: [...before.outbound, { ...service, endpoints: [own] }] });
      const { status, headers } = await get(web.outbound, "loop");
      expect({ status, by: headers["x-outrider-denied-by"] }).toEqual({ status: 403, by: "ports of the mesh itself" });
      await mesh.publish(web, { outbound: before.outbound });
    });
  });

  describe("as a client that reads slowly or not at all", () => {
    it("make the sidecar hold the answers of an endless pipeline", async () => {
      const body = "x".repeat(32 * 1024);
      behaviour.set("/page", (socket) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 32768\r\n\r\n${body}`));
      const served = () => seen.filter((head) => head.startsWith("GET /page")).length;
      const socket = dial(web.outbound).pause();
      socket.write(request("/page").repeat(2000));
      await until(() => served() >= 2000, 700);
      expect(served()).toBeLessThan(500);
      let received = 0;
      socket.on("data", (chunk: Buffer) => {
        received += chunk.length;
      });
      socket.resume();
      expect(await until(() => received >= 2000 * 32 * 1024, 10_000)).toBe(true);
      socket.destroy();
    });
  });

  describe("by going away", () => {
    it("leave a connection, a request or a gauge behind, at any stage", async () => {
      behaviour.set("/never", () => {});
      behaviour.set("/stream", (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx"));
      const stages = ["", "GET", request("/never"), request("/stream"), "POST /never HTTP/1.1\r\nhost: payments\r\n"];
      const more = ["content-length: 9\r\n\r\nx", "transfer-encoding: chunked\r\n\r\n5\r\nx"];
      const all = [...stages, ...more.map((rest) => stages[4] + rest)];
      for (let round = 0; round < 3; round++) {
        await Promise.all(
          all.map(async (text, i) => {
            const socket = dial(web.outbound);
            socket.write(text);
            await sleep(i * 3 + round * 10);
            socket.resetAndDestroy();
          }),
        );
      }
      expect(await until(async () => (await connections(web)).length === 0)).toBe(true);
      expect(await until(async () => (await connections(payments)).every(({ busy }) => !busy))).toBe(true);
      const { clusters } = (await (await fetch(`http://${web.admin}/clusters`)).json()) as {
        clusters: { service: string; endpoints: { pending: number; open: number; idle: number }[] }[];
      };
      const [endpoint] = clusters.find(({ service }) => service === "payments.shop:80")?.endpoints ?? [];
      expect(endpoint?.pending).toBe(0);
      expect(endpoint?.open).toBe(endpoint?.idle);
      expect(total(await scrape(web), "outrider_connections", 'direction="outbound"')).toBe(0);
    });
  });

  describe("by a change of policy in the middle", () => {
    it("send a request again to an endpoint that egress policy has just closed", async () => {
      let reached = 0;
      behaviour.set("/held", () => {
        reached++;
      });
      await get(web.outbound, "payments", "/warm");
      const answer = get(web.outbound, "payments", "/held");
      await until(() => reached === 1);
      await mesh.publish(web, { egress: NOBODY });
      const { status, headers } = await answer;
      expect({ status, by: headers["x-outrider-denied-by"] }).toEqual({ status: 403, by: "NetworkPolicy shop/closed" });
      expect(reached).toBe(1);
      await mesh.publish(web, { egress: OPEN });
    });
  });
});
