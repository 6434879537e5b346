import { readFileSync } from "node:fs";
import { connect as netConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { CompiledPolicy } from "../../core/policy/snapshot.ts";
import { get, OPEN, openSmallMesh, POD_PORT, type Pod, type SmallMesh, sendRaw } from "../support/small-mesh.ts";

const RULE = "NetworkPolicy shop/payments";
const allow = (...podUids: readonly string[]): CompiledPolicy => ({
  isolated: true,
  isolatedBy: [RULE],
  rules: [{ name: `${RULE} ingress[0]`, source: "policy.yaml:1", peers: { podUids, cidrs: [] } }],
});

async function ask(pod: Pod, path: string, body?: unknown): Promise<{ status: number; body: never }> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`http://${pod.admin}${path}`, init);
  return { status: response.status, body: (await response.json()) as never };
}

describe("who may call a pod", () => {
  let mesh: SmallMesh;
  let web: Pod;
  let batch: Pod;
  let payments: Pod;

  beforeAll(async () => {
    mesh = await openSmallMesh(["web", "batch", "payments", "stranger"]);
    web = await mesh.start({ name: "web", serviceAccount: "front" });
    batch = await mesh.start({ name: "batch", serviceAccount: "front" });
    payments = await mesh.start({ name: "payments", app: (_, response) => response.end("paid") });
    await mesh.publish(payments, { ingress: allow(web.uid) });
  });
  afterAll(() => mesh.close());

  it("is decided by the pod its certificate names, not by the service account it shares", async () => {
    expect(web.spiffeId).toBe(batch.spiffeId);
    expect((await get(web.outbound, "payments")).status).toBe(200);
    const { status, headers, body } = await get(batch.outbound, "payments", "/pay");
    expect(status).toBe(403);
    expect(headers["x-outrider-denied-by"]).toBe(RULE);
    expect(JSON.parse(body)).toMatchObject({
      code: "POLICY_DENIED",
      rule: RULE,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it("is explained by the same evaluator", async () => {
    const about = (peer: Pod) => ({ direction: "inbound", peer: { podUid: peer.uid }, port: POD_PORT });
    expect((await ask(payments, "/explain", about(batch))).body).toMatchObject({
      verdicts: [{ verdict: { allowed: false, rule: RULE } }],
    });
    expect((await ask(payments, "/explain", about(web))).body).toMatchObject({
      verdicts: [{ verdict: { allowed: true, rule: `${RULE} ingress[0]` } }],
    });
    expect((await ask(web, "/explain", { direction: "outbound", host: "payments" })).body).toMatchObject({
      verdicts: [{ verdict: { allowed: true } }],
    });
    expect(await ask(payments, "/explain", { nonsense: 1 })).toMatchObject({
      status: 400,
      body: { code: "ADMIN_REQUEST_INVALID" },
    });
  });

  it("changes for open connections too", async () => {
    const [host = "", port] = web.outbound.split(":");
    const socket = netConnect({ host, port: Number(port) });
    const answers: string[] = [];
    socket.on("data", (chunk: Buffer) => answers.push(chunk.toString()));
    const call = async (): Promise<string> => {
      const before = answers.length;
      socket.write("GET / HTTP/1.1\r\nHost: payments\r\n\r\n");
      while (answers.length === before) await new Promise((resolve) => setTimeout(resolve, 2));
      return answers.slice(before).join("");
    };
    expect(await call()).toMatch(/^HTTP\/1.1 200/);
    await mesh.publish(payments, { ingress: allow() });
    expect(await call()).toMatch(/^HTTP\/1.1 403/);
    await mesh.publish(payments, { ingress: allow(web.uid) });
    expect(await call()).toMatch(/^HTTP\/1.1 200/);
    socket.destroy();
  });

  it("is decided before balancing on the caller's side", async () => {
    const egress: CompiledPolicy = { isolated: true, isolatedBy: ["NetworkPolicy shop/web-out"], rules: [] };
    await mesh.publish(web, { egress });
    const { status, headers } = await get(web.outbound, "payments");
    expect({ status, rule: headers["x-outrider-denied-by"] }).toEqual({
      status: 403,
      rule: "NetworkPolicy shop/web-out",
    });
    await mesh.publish(web, { egress: OPEN });
    expect((await get(web.outbound, "payments")).status).toBe(200);
  });

  it("keeps the last good snapshot when a wrong one arrives, and says why", async () => {
    const good = mesh.snapshotOf(payments);
    const wrongHash = await mesh.publishRaw(payments, { ...good, version: "f".repeat(64) });
    expect(wrongHash).toMatchObject({ type: "nack", reason: expect.stringContaining("hashes to") });
    const wrongApi = await mesh.publishRaw(payments, {
      ...good,
      apiVersion: "outrider.dev/snapshot.v2",
      version: "v2",
    });
    expect(wrongApi).toMatchObject({ type: "nack", version: "v2" });
    const otherPod = await mesh.publishRaw(payments, mesh.snapshotOf(web));
    expect(otherPod).toMatchObject({ type: "nack", reason: expect.stringContaining(web.uid) });
    expect((await get(batch.outbound, "payments")).status).toBe(403);
    await mesh.publishRaw(payments, good);
  });

  it("takes fields it does not know", async () => {
    const good = mesh.snapshotOf(payments);
    expect(await mesh.publish(payments, { ...good, later: { x: 1 } } as never)).toMatchObject({ type: "ack" });
  });
});

describe("a connection is refused", () => {
  let mesh: SmallMesh;
  let web: Pod;
  let payments: Pod;
  const inbound = () => `${payments.ip}:${POD_PORT}`;

  beforeAll(async () => {
    mesh = await openSmallMesh(["web", "payments", "away"]);
    web = await mesh.start({ name: "web" });
    payments = await mesh.start({
      name: "payments",
      app: (request, response) => response.end(String(request.headers["x-outrider-peer"])),
    });
  });
  afterAll(() => mesh.close());

  /** What a TLS client of its own making meets at the pod's port. */
  function handshake(options: object): Promise<string> {
    return new Promise((resolve) => {
      const socket = tlsConnect({
        host: payments.ip,
        port: POD_PORT,
        rejectUnauthorized: false,
        ALPNProtocols: ["http/1.1"],
        ...options,
      });
      socket.on("error", (error: Error & { code?: string }) => resolve(error.code ?? error.message));
      socket.on("close", () => resolve("closed"));
      socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nHost: payments\r\n\r\n"));
      socket.on("data", (chunk: Buffer) => {
        resolve(chunk.toString().slice(9, 12));
        socket.destroy();
      });
    });
  }

  it("when it is plain text in strict mode, with an answer an HTTP client can read", async () => {
    const { status, headers, body } = await get(inbound(), "payments");
    expect({ status, connection: headers["connection"] }).toEqual({ status: 403, connection: "close" });
    expect(JSON.parse(body)).toMatchObject({ code: "MTLS_REQUIRED" });
  });

  it("when it is plain text that is no HTTP either", async () => {
    expect((await sendRaw(inbound(), ["*1\r\n$4\r\nPING\r\n"])).status).toBe(400);
  });

  it("when it shows no certificate, one of another authority, or an older TLS", async () => {
    const other = await openSmallMesh(["x"]);
    const rogue = other.svid("web", web.uid).current();
    const own = web.source.current();
    await other.close();
    expect(await handshake({})).not.toBe("200");
    expect(await handshake({ cert: rogue.certChainPem, key: rogue.keyPem })).not.toBe("200");
    expect(await handshake({ cert: own.certChainPem, key: own.keyPem, maxVersion: "TLSv1.2" })).not.toBe("200");
    expect(await handshake({ cert: own.certChainPem, key: own.keyPem })).toBe("200");
  });

  it("when the endpoint proves another identity or another pod than was dialled", async () => {
    const snapshot = mesh.snapshotOf(web);
    const withEndpoint = (change: object) => ({
      outbound: snapshot.outbound.map((s) => ({ ...s, endpoints: s.endpoints.map((e) => ({ ...e, ...change })) })),
    });
    await mesh.publish(web, withEndpoint({ spiffeId: `${payments.spiffeId}-other` }));
    expect((await get(web.outbound, "payments")).headers["x-outrider-code"]).toBe("SVID_UNEXPECTED");
    await mesh.publish(web, withEndpoint({ podUid: "uid-other", spiffeId: payments.spiffeId }));
    expect((await get(web.outbound, "payments")).headers["x-outrider-code"]).toBe("MTLS_FAILED");
    await mesh.publish(web, { outbound: snapshot.outbound });
    expect((await get(web.outbound, "payments")).status).toBe(200);
  });

  it("when Host names no service, or a service nobody serves", async () => {
    const coded = async (host: string) => {
      const { status, headers } = await get(web.outbound, host);
      return [status, headers["x-outrider-code"]];
    };
    expect(await coded("nowhere")).toEqual([502, "ROUTE_UNKNOWN"]);
    expect(await coded("payments:81")).toEqual([502, "ROUTE_UNKNOWN"]);
    expect(await coded("PAYMENTS.shop.svc.cluster.local.:80")).toEqual([200, undefined]);
    expect(await coded("away")).toEqual([503, "UPSTREAM_UNREACHABLE"]);
  });

  it("but plain text passes in permissive mode, as nobody", async () => {
    await mesh.publish(payments, { mtls: "permissive" });
    expect((await get(inbound(), "payments", "/", ["x-outrider-peer: spiffe://evil"])).body).toContain("undefined");
    await mesh.publish(payments, { mtls: "permissive", ingress: allow(web.uid) });
    const { status, headers, body } = await get(inbound(), "payments");
    expect({ status, rule: headers["x-outrider-denied-by"], told: body.includes(RULE) }).toEqual({
      status: 403,
      rule: undefined,
      told: false,
    });
    await mesh.publish(payments, { mtls: "strict", ingress: OPEN });
  });
});

describe("while the control plane is away", () => {
  it("a restarted sidecar runs on its last snapshot", async () => {
    const mesh = await openSmallMesh(["web", "payments"]);
    const web = await mesh.start({ name: "web" });
    const payments = await mesh.start({ name: "payments" });
    await mesh.publish(payments, { ingress: allow() });
    await payments.stop();
    mesh.stopControl();
    const again = await mesh.start({ name: "payments" });
    expect((await get(web.outbound, "payments")).headers["x-outrider-denied-by"]).toBe(RULE);
    expect((await ask(again, "/readyz")).status).toBe(200);
    await mesh.close();
  });
});

describe("the admin door", () => {
  it("says it is well and ready, and shows certificate, clusters and connections", async () => {
    const mesh = await openSmallMesh(["web", "payments"]);
    const web = await mesh.start({ name: "web" });
    const payments = await mesh.start({ name: "payments" });
    await get(web.outbound, "payments");
    expect(await ask(web, "/healthz")).toMatchObject({ status: 200 });
    expect(await ask(web, "/readyz")).toMatchObject({ status: 200, body: { ready: true, problems: [] } });
    const { serial } = web.source.current();
    expect((await ask(web, "/config")).body).toMatchObject({
      certificate: { serial, spiffeId: web.spiffeId, podUid: web.uid },
      control: { connected: true },
    });
    expect((await ask(web, "/clusters")).body).toMatchObject({
      clusters: [{ service: "web.shop:80" }, { service: "payments.shop:80", endpoints: [{ open: 1, idle: 1 }] }],
    });
    expect((await ask(payments, "/connections")).body).toMatchObject({
      connections: [{ direction: "inbound", tls: "TLSv1.3", spiffeId: web.spiffeId, podUid: web.uid, allowed: true }],
    });
    expect(await ask(web, "/nothing")).toMatchObject({ status: 404 });
    await mesh.close();
  });

  it("has nothing of the private key", async () => {
    const mesh = await openSmallMesh(["web"]);
    const web = await mesh.start({ name: "web" });
    expect(JSON.stringify((await ask(web, "/config")).body)).not.toContain("PRIVATE");
    expect(readFileSync(new URL("../../sidecar/admin/routes.ts", import.meta.url), "utf8")).not.toContain("keyPem");
    await mesh.close();
  });
});
