import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { SEARCH_DEPTH_LIMIT } from "../../../core/policy/pods/pod-spec-find.ts";
import { corrupted } from "../support/hostile-json.ts";
import { type Caller, createCaller, expectAnswered, sendBytes, uidIn } from "../support/raw-calls.ts";
import { openShop, pod, requestFor, type Shop, startWebhook, type Webhook } from "../support/webhook.ts";

/** Of each property; more of them find more. */
const RUNS = Number(process.env["OUTRIDER_RUNS"] ?? 60);

const DEADLINE_MS = 60_000 + RUNS * 100;

let shop: Shop;
let webhook: Webhook;
let caller: Caller;

beforeAll(async () => {
  shop = await openShop();
  webhook = await startWebhook(shop, { sidecar: { image: shop.images.sidecar } });
  caller = createCaller(webhook);
});

afterAll(async () => {
  await caller.close();
  await webhook.close();
  await shop.registry.close();
});

const DOORS = ["/validate", "/mutate"] as const;
const door = fc.constantFrom(...DOORS);

/** Reviews that are right, to be made wrong: an image of each fate, each kind of object, each operation. */
function reviews(): object[] {
  const full = pod(
    shop.images.good,
    {
      securityContext: {
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
        sysctls: [{ name: "a", value: "1" }],
      },
      initContainers: [{ name: "init", image: shop.images.unsigned, ports: [{ containerPort: 1, hostPort: 2 }] }],
      volumes: [
        { name: "data", emptyDir: {} },
        { name: "files", image: { reference: shop.images.bundle } },
      ],
    },
    { annotations: { "container.apparmor.security.beta.kubernetes.io/web": "unconfined" } },
  );
  const template = { metadata: { labels: { owner: "team-shop" } }, spec: full.spec };
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec: { template } };
  const thing = {
    apiVersion: "example.com/v1",
    kind: "Thing",
    metadata: { name: "x" },
    spec: { deep: [{ template }] },
  };
  const asked = [
    requestFor(full),
    requestFor(full, { operation: "UPDATE", oldObject: pod(shop.images.bundle) }),
    requestFor(deployment),
    requestFor(thing),
    requestFor(full, { operation: "DELETE", object: null, oldObject: full }),
  ];
  return asked.map((request) => ({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request }));
}

async function ask(path: string, body: string | Buffer, headers?: Record<string, string>): Promise<void> {
  const answer = await caller.call({ path, body, ...(headers === undefined ? {} : { headers }) });
  expectAnswered(answer, uidIn(body.toString("utf8")));
}

describe("whatever is sent to a door, the answer is a review or a coded 4xx", () => {
  it("any bytes", async () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: "binary" }), fc.json());
    await fc.assert(
      fc.asyncProperty(door, bytes, (path, body) => ask(path, Buffer.from(body as string))),
      { numRuns: RUNS },
    );
  });

  it(
    "a review with anything wrong in it",
    async () => {
      const review = fc.constantFrom(...reviews()).chain((one) => corrupted(one, 4));
      await fc.assert(
        fc.asyncProperty(door, review, (path, body) => ask(path, JSON.stringify(body))),
        { numRuns: RUNS * 2 },
      );
    },
    DEADLINE_MS,
  );

  it("a review cut or changed in any byte", async () => {
    const text = fc.constantFrom(...reviews().map((one) => JSON.stringify(one)));
    const changed = fc
      .tuple(text, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean())
      .map(([whole, at, byte, cut]) => {
        const bytes = Buffer.from(whole);
        bytes[at % bytes.length] = byte;
        return cut ? bytes.subarray(0, at % bytes.length) : bytes;
      });
    await fc.assert(
      fc.asyncProperty(door, changed, (path, body) => ask(path, body)),
      { numRuns: RUNS },
    );
  });

  const withObject = (object: string) => {
    const text = JSON.stringify({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: requestFor({ apiVersion: "example.com/v1", kind: "Thing" }),
    });
    return text.replace('"object":{', `"object":{"spec":${object},`);
  };
  const update = (now: string, before: string) =>
    withObject(now).replace('"operation":"CREATE"', `"operation":"UPDATE","oldObject":{"spec":${before}}`);
  const deep = (open: string, close: string, levels: number) => `${open.repeat(levels)}1${close.repeat(levels)}`;
  const bodies: [given: string, body: () => string][] = [
    ["lists in lists without end", () => withObject(deep("[", "]", 200_000))],
    ["objects in objects without end", () => withObject(deep('{"a":', "}", 200_000))],
    ["nesting at the limit of the search", () => withObject(deep("[", "]", SEARCH_DEPTH_LIMIT))],
    ["a review that is nesting alone", () => deep("[", "]", 500_000)],
    ["an update of one nesting to another", () => update(deep("[", "]", 50_000), deep("[", "]", 50_001))],
    ["a quarter of a million small values", () => withObject(`[${"{},".repeat(250_000)}0]`)],
    ["two hundred thousand containers", () => withObject(`{"containers":[${'{"image":"a"},'.repeat(200_000)}{}]}`)],
    [
      "a hundred thousand fields",
      () => withObject(`{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":[]`).join()}}`),
    ],
    ["a number of a megabyte", () => withObject("1".repeat(1_000_000))],
    ["numbers no double holds", () => withObject("[1e999,-1e999,123456789012345678901234567890]")],
    ["a text of seven megabytes", () => withObject(`"${"x".repeat(7_000_000)}"`)],
    ["a body over the limit", () => withObject(`"${"x".repeat(9_000_000)}"`)],
    ["the same field many times", () => withObject(`{${'"image":"a",'.repeat(100_000)}"image":"b"}`)],
    [
      "prototypes",
      () => withObject('{"__proto__":{"containers":[{"image":"a"}]},"constructor":{"prototype":{"allowed":true}}}'),
    ],
  ];
  it.each(bodies)(
    "%s",
    async (_, body) => {
      for (const path of DOORS) await ask(path, body());
    },
    30_000,
  );

  it("a prototype named in a review changes nobody's", () =>
    expect(({} as { allowed?: unknown }).allowed).toBeUndefined());
});

describe("however it is sent", () => {
  const body = () => JSON.stringify(reviews()[0]);

  it.each([
    ["no content type", {}],
    ["text", { "content-type": "text/plain" }],
    ["JSON of another kind", { "content-type": "application/vnd.api+json" }],
    ["JSON with a charset", { "content-type": "application/json; charset=utf-16" }],
    ["a content type that is none", { "content-type": "application/json;;;=,\t" }],
    ["a form", { "content-type": "multipart/form-data; boundary=x" }],
    ["protobuf", { "content-type": "application/vnd.kubernetes.protobuf" }],
    ["an odd traceparent", { "content-type": "application/json", traceparent: "x".repeat(2_000) }],
  ])("as %s", async (_, headers) => {
    for (const path of DOORS) await ask(path, body(), headers as Record<string, string>);
  });

  it.each(["gzip", "deflate", "br", "zstd", "identity", "x"])("compressed, it says, with %s", async (encoding) => {
    const headers = { "content-type": "application/json", "content-encoding": encoding };
    for (const path of DOORS) {
      await ask(path, gzipSync(body()), headers);
      await ask(path, body(), headers);
    }
  });

  it("as a compressed bomb", async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000, "["));
    for (const path of DOORS) await ask(path, bomb, { "content-type": "application/json", "content-encoding": "gzip" });
  });

  const post = (more: string) => `POST /validate?timeout=1s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${more}`;
  const json = "content-type: application/json\r\n";
  it.each([
    ["words that are no request", "hello\r\n\r\n"],
    ["a method nobody knows", "BREW /validate HTTP/1.1\r\n\r\n"],
    ["HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["two lengths", post("content-length: 1\r\ncontent-length: 2\r\n\r\n{}")],
    ["a length and chunks", post("content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")],
    ["a chunk of no size", post(`${json}transfer-encoding: chunked\r\n\r\nzz\r\n`)],
    ["an expectation nobody knows", post(`${json}expect: tea\r\ncontent-length: 2\r\n\r\n{}`)],
    ["a head without end", post(`x: ${"x".repeat(17_000)}\r\n\r\n`)],
    ["a body that never ends", post(`${json}content-length: 100\r\n\r\n{`)],
  ])("as %s", async (_, bytes) => expectAnswered(await sendBytes(webhook, bytes)));

  it.each(["GET", "PUT", "DELETE", "PATCH"] as const)("by %s", async (method) => {
    for (const path of DOORS) expectAnswered(await caller.call({ path, method, body: body() }));
  });

  it.each([
    "?timeout=0s",
    "?timeout=-5s",
    "?timeout=9999999h",
    "?timeout=x",
    "?timeout=1s&timeout=2s",
    "?__proto__=1",
    "?%zz",
    "/",
    "//",
    "/../validate",
    "%2f",
    "%zz",
  ])("to %s", async (more) => {
    for (const path of DOORS) expectAnswered(await caller.call({ path: `${path}${more}`, body: body() }));
  });
});
