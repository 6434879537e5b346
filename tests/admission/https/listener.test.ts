import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Answer } from "../../../admission/https/doors.ts";
import { type AdmissionMetrics, createMetrics } from "../../../admission/record/observe.ts";
import { KEEP_ALIVE_MS, type ReviewServer, startReviewServer } from "../../../admission/server.ts";
import { type KeyPair, type TestAuthority, testAuthority } from "../../support/test-authority.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-listener-"));
const caFile = join(folder, "clients.pem");
let authority: TestAuthority;
let serving: KeyPair;

beforeAll(async () => {
  authority = await testAuthority("cluster");
  serving = await authority.issue("CN=webhook", ["127.0.0.1"]);
  writeFileSync(caFile, authority.caPem);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const review = JSON.stringify({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: { uid: "u", kind: { group: "", version: "v1", kind: "Pod" }, operation: "DELETE", namespace: "shop" },
});

interface Options {
  readonly callers?: object;
  readonly drainMs?: number;
  readonly answer?: Answer;
  readonly metrics?: AdmissionMetrics;
}

async function listen({
  callers,
  drainMs,
  answer,
  metrics = createMetrics(() => 0),
}: Options = {}): Promise<ReviewServer> {
  const admit: Answer = async ({ uid }) => ({ uid, allowed: true });
  const doors = { validate: answer ?? admit, mutate: answer ?? admit };
  return startReviewServer({
    listen: { host: "127.0.0.1", port: 0 },
    certificate: { ...serving, notAfterMs: Date.now() + 60_000 },
    doors,
    metrics,
    notReady: () => [],
    ...(callers === undefined ? {} : { callers }),
    ...(drainMs === undefined ? {} : { drainMs }),
  });
}

interface Reply {
  readonly status: number;
  readonly connection: string | undefined;
  readonly text: string;
}

function ask(server: ReviewServer, path: string, agent: Agent, client?: KeyPair): Promise<Reply> {
  const [host, port] = server.address.split(":");
  const own = client === undefined ? {} : { cert: client.certPem, key: client.keyPem };
  const method = path === "/healthz" ? "GET" : "POST";
  const headers = { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = httpsRequest({ host, port, path, method, headers, agent, ca: authority.caPem, ...own }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      const { statusCode: status = 0 } = response;
      response.on("end", () => resolve({ status, connection: response.headers.connection, text }));
    });
    sent.on("error", reject).end(method === "GET" ? undefined : review);
  });
}

const fresh = () => new Agent({ keepAlive: false });

describe("who may ask for reviews", () => {
  const callers = { clientCa: caFile, clientNames: ["kube-apiserver"] };
  const withServer = async (given: object | undefined, look: (server: ReviewServer) => Promise<void>) => {
    const server = await listen(given === undefined ? {} : { callers: given });
    await look(server).finally(() => server.close());
  };

  it("is anyone when nothing is said of it", () =>
    withServer(undefined, async (server) => {
      expect(await ask(server, "/validate", fresh())).toMatchObject({ status: 200 });
    }));

  it("is who has a certificate of the authority in one of the names", () =>
    withServer(callers, async (server) => {
      for (const [subject, names] of [
        ["CN=kube-apiserver", []],
        ["CN=other", ["kube-apiserver"]],
      ] as const) {
        const client = await authority.issue(subject, names);
        expect(await ask(server, "/validate", fresh(), client)).toMatchObject({ status: 200 });
      }
    }));

  const strangers: [who: string, make: () => Promise<KeyPair | undefined>][] = [
    ["without a certificate", async () => undefined],
    ["in another name", () => authority.issue("CN=kube-apiserver.evil")],
    [
      "in a name that merely holds the right one",
      () => authority.issue("CN=evil, OU=kube-apiserver", ["kube-apiserver.evil"]),
    ],
    [
      "in a name of another type that reads like it",
      () => authority.issue("CN=evil", ["https://evil/, DNS:kube-apiserver"]),
    ],
    ["of another authority in the right name", async () => (await testAuthority("cluster")).issue("CN=kube-apiserver")],
  ];
  it.each(strangers)("is nobody %s: refused at both doors, the body unread", async (_, make) => {
    let judged = 0;
    const answer: Answer = async ({ uid }) => {
      judged++;
      return { uid, allowed: true };
    };
    const metrics = createMetrics(() => 0);
    const server = await listen({ callers, answer, metrics });
    const client = await make();
    for (const door of ["/validate", "/mutate"]) {
      const reply = await ask(server, door, fresh(), client);
      expect(reply).toMatchObject({ status: 403, connection: "close" });
      expect(JSON.parse(reply.text)).toMatchObject({
        code: "REVIEW_CALLER_UNKNOWN",
        fix: expect.stringContaining("client"),
      });
    }
    expect(judged).toBe(0);
    const counted = await metrics.registry.metrics();
    for (const path of ["validate", "mutate"])
      expect(counted).toContain(`outrider_admission_unread_total{path="${path}",code="REVIEW_CALLER_UNKNOWN"} 1`);
    await server.close();
  });

  it("does not keep a probe out", () =>
    withServer(callers, async (server) => {
      expect(await ask(server, "/healthz", fresh())).toMatchObject({ status: 200 });
    }));

  it("counts from a file that is there", async () => {
    const missing = join(folder, "absent.pem");
    await expect(listen({ callers: { clientCa: missing } })).rejects.toThrow(missing);
  });
});

describe("a replica that is told to stop", () => {
  it("is not ready, answers on, and has each connection closed after its answer", async () => {
    const server = await listen({ drainMs: 200 });
    const agent = new Agent({ keepAlive: true });
    expect((await ask(server, "/validate", agent)).connection).toBe("keep-alive");
    expect(server.notReady()).toEqual([]);
    const closing = server.close();
    expect(server.notReady()).toEqual(["webhook: stopping"]);
    expect(await ask(server, "/validate", agent)).toMatchObject({ status: 200, connection: "close" });
    expect(await ask(server, "/validate", fresh())).toMatchObject({ status: 200 });
    await closing;
    await expect(ask(server, "/validate", fresh())).rejects.toThrow();
  });

  it("finishes a review that is under way when the listener closes", async () => {
    const { promise: asked, resolve: began } = Promise.withResolvers<void>();
    const { promise: go, resolve: finish } = Promise.withResolvers<void>();
    const server = await listen({
      answer: async ({ uid }) => {
        began();
        await go;
        return { uid, allowed: true };
      },
    });
    const reply = ask(server, "/validate", new Agent({ keepAlive: true }));
    await asked;
    const closing = server.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    finish();
    expect(await reply).toMatchObject({ status: 200 });
    await closing;
  });

  it("keeps an idle connection longer than the API server does, so that it never hangs up first", () => {
    const goIdleConnectionMs = 90_000; // net/http DefaultTransport.IdleConnTimeout
    expect(KEEP_ALIVE_MS).toBeGreaterThan(goIdleConnectionMs);
  });
});

describe("a new certificate", () => {
  it("is served to new connections, while open ones go on", async () => {
    const server = await listen();
    const kept = new Agent({ keepAlive: true });
    await ask(server, "/validate", kept);
    const other = await testAuthority("next");
    server.serve({ ...(await other.issue("CN=webhook", ["127.0.0.1"])), notAfterMs: Date.now() + 60_000 });
    expect(await ask(server, "/validate", kept)).toMatchObject({ status: 200 });
    await expect(ask(server, "/validate", fresh())).rejects.toThrow(/certificate|signature/);
    kept.destroy();
    await server.close();
  });
});
