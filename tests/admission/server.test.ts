import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { request } from "undici";
import { BODIES_LIMIT_BYTES, readReviewBody } from "../../admission/https/body.ts";
import { parseGoDuration } from "../../admission/https/deadline.ts";
import type { Verdict } from "../../admission/judge.ts";
import { createMetrics, NAMESPACES_COUNTED } from "../../admission/record/observe.ts";
import { REVIEW_LIMIT_BYTES } from "../../admission/review.ts";
import { on } from "../support/registry-of-faults.ts";
import { openShop, pod, requestFor, type Shop, startWebhook, type Webhook } from "./support/webhook.ts";

let shop: Shop;
let webhook: Webhook;

beforeAll(async () => {
  shop = await openShop();
  webhook = await startWebhook(shop);
});

afterEach(() => shop.registry.calm());

afterAll(async () => {
  await webhook.close();
  await shop.registry.close();
});

const review = (more: object = {}) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: requestFor(pod(shop.images.good), more),
});

describe("a review that is none is answered with 400 and the reason, never with an allow", () => {
  const cases: [given: string, body: () => string, names: string][] = [
    ["nothing", () => "", "not JSON"],
    ["half of one", () => JSON.stringify(review()).slice(0, 200), "not JSON"],
    ["a list", () => "[]", "review: review: expected an object"],
    ["an empty object", () => "{}", "apiVersion"],
    ["v1beta1", () => JSON.stringify({ ...review(), apiVersion: "admission.k8s.io/v1beta1" }), "apiVersion"],
    ["another kind", () => JSON.stringify({ ...review(), kind: "Pod" }), "kind"],
    ["no request", () => JSON.stringify({ ...review(), request: null }), "request: expected an object"],
    ["no uid", () => JSON.stringify(review({ uid: "" })), "request.uid"],
    ["no kind", () => JSON.stringify(review({ kind: {} })), "request.kind.kind"],
    ["an unknown operation", () => JSON.stringify(review({ operation: "PATCH" })), "request.operation"],
    ["no object to create", () => JSON.stringify(review({ object: null })), "request.object"],
    ["no old object to update", () => JSON.stringify(review({ operation: "UPDATE" })), "request.oldObject"],
    [
      "an object of another kind than it says",
      () => JSON.stringify(review({ kind: { group: "", version: "v1", kind: "ConfigMap" } })),
      "request.object.kind",
    ],
    ["a pod that lives in no namespace", () => JSON.stringify(review({ namespace: "" })), "request.namespace"],
    [
      "an object of another namespace than it says",
      () => JSON.stringify(review({ namespace: "lax" })),
      "request.object.metadata.namespace",
    ],
  ];
  it.each(cases)("%s", async (_, body, names) => {
    for (const door of ["/validate", "/mutate"]) {
      const { status, json } = await webhook.post(door, body());
      expect(status).toBe(400);
      expect(json).toMatchObject({
        code: "REVIEW_MALFORMED",
        message: expect.stringContaining(names),
        fix: expect.any(String),
      });
      expect(json).not.toHaveProperty("response");
    }
  });

  it("a body that does not say it is JSON gets 415", async () => {
    expect((await webhook.post("/validate", "{}", "text/plain")).status).toBe(415);
  });

  it("whatever the body: an answer is a refusal, a 4xx with a code, or about a pod that holds nothing to judge", async () => {
    const json = fc.json({ maxDepth: 4 });
    const mangled = fc.tuple(fc.nat(), json).map(([at, noise]) => {
      const text = JSON.stringify(review());
      return text.slice(0, at % text.length) + noise + text.slice((at % text.length) + 1);
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(json, mangled), async (body) => {
        const { status, json: answer } = await webhook.post("/validate", body);
        if (status === 200) expect((answer["response"] as { allowed: boolean }).allowed).toBe(false);
        else expect(answer).toMatchObject({ code: expect.stringMatching(/^REVIEW_/) });
      }),
      { numRuns: 60 },
    );
  });
});

describe("a review of somebody with a long name", () => {
  it("is judged like any other's, so that what it asks cannot pass unread", async () => {
    const body = review({ userInfo: { username: "u".repeat(5000) } });
    expect((await webhook.post("/validate", JSON.stringify(body))).status).toBe(200);
  });
});

describe("a review larger than the gate reads", () => {
  it("is refused by its uid with the reason, so that no webhook that ignores failures lets it through", async () => {
    const padding = "x".repeat(REVIEW_LIMIT_BYTES);
    const big = JSON.stringify(review({ uid: "11111111-2222-4333-8444-555555555555" })).replace(
      '"owner"',
      `"${padding}":"","owner"`,
    );
    const { status, json } = await webhook.post("/validate", big.replace(/"request":\{/, '"request":{'));
    expect(status).toBe(200);
    expect(json["response"]).toMatchObject({
      uid: "11111111-2222-4333-8444-555555555555",
      allowed: false,
      status: { message: expect.stringContaining("REVIEW_TOO_LARGE") },
    });
  });

  it("and gets 413 when even its uid cannot be found", async () => {
    const { status, json } = await webhook.post("/validate", "x".repeat(REVIEW_LIMIT_BYTES + 1));
    expect({ status, code: json["code"] }).toEqual({ status: 413, code: "REVIEW_TOO_LARGE" });
  });
});

describe("more reviews than the gate holds at once", () => {
  const read = (budget: { held: number }, text: string) =>
    readReviewBody(Readable.from([Buffer.from(text)]), REVIEW_LIMIT_BYTES, budget);

  it("are read no further than their uid, and give back what they held", async () => {
    const budget = { held: BODIES_LIMIT_BYTES - 10 };
    const fits = await read(budget, "0123456789");
    const second = await read(budget, JSON.stringify(review()));
    expect([fits.kept, second.kept, budget.held]).toEqual(["whole", "too many", BODIES_LIMIT_BYTES]);
    expect(second.text).toContain('"uid"');
    for (const body of [fits, second, fits]) body.release();
    expect(budget.held).toBe(BODIES_LIMIT_BYTES - 10);
  });

  it("count as what they take once parsed: many small values take far more than their text", async () => {
    const budget = { held: 0 };
    const { kept, release } = await read(budget, `[${"[],".repeat(1000)}[]]`);
    expect([kept, budget.held > 40_000]).toEqual(["whole", true]);
    release();
    expect(budget.held).toBe(0);
    await read(budget, JSON.stringify(review()));
    expect(budget.held).toBeLessThan(20_000);
  });

  it("are given back when their sender breaks off, too", async () => {
    const budget = { held: 0 };
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from("half of one");
        await Promise.resolve();
        throw new Error("aborted");
      })(),
    );
    await expect(readReviewBody(broken, REVIEW_LIMIT_BYTES, budget)).rejects.toThrow("aborted");
    expect(budget.held).toBe(0);
  });
});

describe("a body that dawdles", () => {
  it("is cut off with the review's time, so that nobody holds the gate's memory", async () => {
    const { hostname, port } = new URL(webhook.url);
    const ca = readFileSync(join(webhook.folder, "ca.pem"));
    await new Promise<void>((resolve) => {
      const socket = connect({ host: hostname, port: Number(port), ca }, () => {
        const head = "POST /validate?timeout=600ms HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
        socket.write(`${head}content-length: 1000\r\n\r\n{`);
      });
      socket.on("error", () => {}).on("close", () => resolve());
      socket.resume();
    });
  });
});

describe("the gate's numbers", () => {
  it("are of so many namespaces and no more, whoever asks", async () => {
    const metrics = createMetrics(() => 0);
    const verdict = (namespace: string) =>
      ({ subject: { namespace, images: [] }, rules: { stored: new Set() }, parts: [] }) as unknown as Verdict;
    for (let n = 0; n < NAMESPACES_COUNTED + 100; n++) metrics.reviewed("validate", verdict(`ns-${n}`), 0);
    const lines = (await metrics.registry.metrics()).split("\n").filter((line) => line.includes("reviews_total{"));
    expect(lines).toHaveLength(NAMESPACES_COUNTED + 1);
    expect(lines.at(-1)).toContain('namespace="(others)"} 100');
  });
});

describe("a registry that dawdles", () => {
  it("costs a denial that names it, within the API server's time-out, and not the next review", async () => {
    const held = Promise.withResolvers<undefined>();
    shop.registry.inject(on(/shop\/vulnerable/, () => held.promise));
    const asked = requestFor(pod(shop.images.vulnerable));
    let patientAnswered = false;
    const patient = webhook.review("validate", asked, "?timeout=25s").finally(() => {
      patientAnswered = true;
    });
    const { allowed, status } = await webhook.review("validate", asked, "?timeout=800ms"); // while the registry still holds
    expect(patientAnswered).toBe(false); // it came first, and has more time
    expect(allowed).toBe(false);
    expect(status?.message).toContain("undecided");
    expect(status?.message).toContain("REGISTRY_TIMEOUT");
    expect(status?.message).toContain(shop.registry.host);
    held.resolve(undefined);
    expect((await patient).allowed).toBe(false);
    expect((await webhook.admit(pod(shop.images.good))).answer.allowed).toBe(true);
  });
});

describe("the listener", () => {
  const dial = (options: object) =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(webhook.url);
      const ca = readFileSync(join(webhook.folder, "ca.pem"));
      const socket = connect({ host: hostname, port: Number(port), ca, ...options }, () => {
        resolve(socket.getProtocol() ?? "");
        socket.destroy();
      });
      socket.on("error", reject);
    });

  it("speaks TLS 1.3", async () => expect(await dial({})).toBe("TLSv1.3"));

  it("and nothing older", async () => {
    await expect(dial({ maxVersion: "TLSv1.2" })).rejects.toThrow(/version|handshake/i);
  });

  it.each(["/%zz", "/elsewhere"])("answers at %s with a code and what to do", async (path) => {
    const { status, json } = await webhook.post(path, "{}");
    expect(status).toBe(404);
    expect(json).toEqual({ code: "REVIEW_NO_DOOR", message: expect.any(String), fix: expect.any(String) });
  });

  it("serves a certificate for the names in its configuration", async () => {
    expect(await dial({ servername: "outrider-admission.outrider-system.svc" })).toBe("TLSv1.3");
    await expect(dial({ servername: "somebody.else" })).rejects.toThrow(/altnames/i);
  });
});

describe("its probes and metrics", () => {
  const get = async (path: string) => {
    const { statusCode, body } = await request(`${webhook.admin}${path}`);
    return { status: statusCode, text: await body.text() };
  };

  it.each(["/healthz", "/readyz"])("%s answers ok", async (path) => {
    expect(await get(path)).toEqual({ status: 200, text: "ok\n" });
  });

  it("count every review by outcome, and every violation by code", async () => {
    await webhook.validate(pod(shop.images.unsigned));
    const { text } = await get("/metrics");
    expect(text).toMatch(/outrider_admission_reviews_total\{path="validate",outcome="deny",namespace="shop"\} \d+/);
    expect(text).toMatch(
      /outrider_admission_violations_total\{code="IMG_UNSIGNED",mode="enforce",namespace="shop"\} \d+/,
    );
    expect(text).toMatch(/outrider_admission_certificate_expiry_seconds \d+/);
  });
});

describe("the API server's time-out", () => {
  it.each([
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1.5s", 1500],
    ["", undefined],
    ["10", undefined],
    ["-1s", undefined],
  ])("%s is %s milliseconds", (text, ms) => expect(parseGoDuration(text)).toBe(ms));
});
