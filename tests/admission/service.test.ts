import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createServing, SERVING_TTL_MS } from "../../admission/https/tls.ts";
import { createMetrics } from "../../admission/record/observe.ts";
import { startReviewServer } from "../../admission/server.ts";
import { readPolicies } from "../../admission/sources/policies.ts";
import { DAY_MS } from "../../core/base/clock.ts";
import { silentLog } from "../../core/base/log.ts";
import { startSink } from "../support/telemetry-sink.ts";
import { openShop, pod, policySpec, type Shop, startWebhook, type Webhook } from "./support/webhook.ts";

let shop: Shop;
const spec = (more: object = {}) => ({ ...policySpec(shop), ...more });

beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.registry.close());

/** A webhook with these policies for the length of one look at it. */
async function withWebhook<T>(
  policies: Readonly<Record<string, object>>,
  look: (webhook: Webhook) => Promise<T>,
  more: object = {},
): Promise<T> {
  const webhook = await startWebhook(shop, { policies, ...more });
  try {
    return await look(webhook);
  } finally {
    await webhook.close();
  }
}

describe("a policy's mode", () => {
  it("warn admits, and warns of everything that enforce would refuse", async () => {
    const { answer } = await withWebhook({ p: spec({ mode: "warn" }) }, (webhook) =>
      webhook.admit(pod(shop.images.unsigned, { hostPID: true }, { labels: {} })),
    );
    expect(answer.allowed).toBe(true);
    const warnings = answer.warnings?.join("\n");
    for (const code of ["IMG_UNSIGNED", "PSS_HOST_NAMESPACE", "REGO_VIOLATION"]) expect(warnings).toContain(code);
  });

  it("audit admits and says nothing to the author, and the record has it", async () => {
    const [answer, line] = await withWebhook({ p: spec({ mode: "audit" }) }, async (webhook) => {
      const admitted = (await webhook.admit(pod(shop.images.unsigned))).answer;
      const lines = readFileSync(join(webhook.folder, "state/decisions.log"), "utf8").split("\n");
      return [admitted, lines.find((one) => one.includes('"uid":')) ?? ""];
    });
    expect(answer).toMatchObject({ allowed: true });
    expect(answer.warnings).toBeUndefined();
    expect(JSON.parse(line)).toMatchObject({ outcome: "allow", violations: [{ code: "IMG_UNSIGNED", mode: "audit" }] });
  });

  it("warn of one policy does not soften enforce of another", async () => {
    const both = { soft: spec({ mode: "warn" }), hard: spec() };
    const { answer } = await withWebhook(both, (webhook) => webhook.admit(pod(shop.images.unsigned)));
    expect(answer.allowed).toBe(false);
  });

  it("warn admits what could not be found out, and warns of that", async () => {
    const elsewhere = { match: { images: ["127.0.0.1:1/**"] }, mode: "warn" };
    const { answer } = await withWebhook({ p: elsewhere }, (webhook) => webhook.admit(pod("127.0.0.1:1/a/b:1")));
    expect(answer.allowed).toBe(true);
    expect(answer.warnings?.join()).toMatch(/EVIDENCE_UNKNOWN/);
  });
});

describe("a policy's scope", () => {
  it("is its namespaces: in another one the image has no policy", async () => {
    const answer = await withWebhook({ p: spec() }, (webhook) =>
      webhook.validate(pod(shop.images.good, {}, { namespace: "other" }), { namespace: "other" }),
    );
    expect(answer.status?.message).toContain("IMG_NO_POLICY");
  });

  it("is its images: one by the start of a name alone is another's", async () => {
    const near = spec({ match: { images: [`${shop.registry.host}/sho/*`] } });
    const answer = await withWebhook({ p: near }, (webhook) => webhook.validate(pod(shop.images.good)));
    expect(answer.status?.message).toContain("IMG_NO_POLICY");
  });

  it("without any policy nothing is admitted", async () => {
    const answer = await withWebhook({}, (webhook) => webhook.validate(pod(shop.images.good)));
    expect(answer.status?.message).toContain("IMG_NO_POLICY");
  });
});

describe("the Pod Security level", () => {
  const namespace = (level: string) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", labels: { "pod-security.kubernetes.io/enforce": level } },
  });
  const asked = async (manifests: object[], pods: object) => {
    const { answer } = await withWebhook({ p: spec({ pods }) }, (webhook) => webhook.admit(pod(shop.images.good)), {
      manifests,
    });
    return answer.status?.message ?? "(admitted)";
  };

  it("of the namespace counts where it is stricter", async () => {
    expect(await asked([namespace("restricted")], { podSecurity: "baseline" })).toContain(
      "Pod Security restricted (Namespace shop)",
    );
  });

  it("of the policy counts where it is stricter", async () => {
    expect(await asked([namespace("baseline")], { podSecurity: "restricted" })).toContain(
      "Pod Security restricted (ImagePolicy p)",
    );
  });
});

describe("policies that change while the webhook runs", () => {
  it("are in force soon; broken ones leave the last good ones, and the gate is not ready", async () => {
    await withWebhook({ p: spec() }, async (webhook) => {
      const admits = async () => (await webhook.admit(pod(shop.images.unsigned))).answer.allowed;
      expect(await admits()).toBe(false);
      webhook.writePolicies({ p: { match: { images: [`${shop.registry.host}/**`] } } });
      while (!(await admits())) await new Promise((resolve) => setTimeout(resolve, 20));
      webhook.writePolicies({ p: { match: { images: [] }, mode: "nonsense" } });
      const ready = async () => (await fetch(`${webhook.admin}/readyz`)).text();
      while (!(await ready()).includes("spec.mode")) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await admits()).toBe(true);
    });
  });
});

describe("a policy folder", () => {
  const cases: [given: string, text: string, says: string][] = [
    ["a kind of ours that does not exist", "apiVersion: outrider.dev/v1alpha1\nkind: ImagePolicies\n", "kind"],
    ["a kind written small", "apiVersion: outrider.dev/v1alpha1\nkind: imagepolicy\n", "kind"],
    ["no kind", "apiVersion: outrider.dev/v1alpha1\n", "kind"],
    ["no group", "kind: ImagePolicie\n", "apiVersion"],
  ];
  it.each(cases)("with %s is an error, because a rule would be missing unnoticed", async (_, text, says) => {
    const folder = mkdtempSync(join(tmpdir(), "outrider-policies-"));
    writeFileSync(join(folder, "p.yaml"), text);
    expect(() => readPolicies(folder)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    expect(() => readPolicies(folder)).toThrow(says);
    rmSync(folder, { recursive: true });
  });

  it("with two keys that cannot be used says so of each", async () => {
    const folder = mkdtempSync(join(tmpdir(), "outrider-policies-"));
    const key = (body: string) => `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`;
    const authorities = ["AAAA", "BBBB"].map((body) => ({ name: body.toLowerCase(), role: "release", key: key(body) }));
    const policy = { apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name: "p" } };
    writeFileSync(
      join(folder, "p.yaml"),
      JSON.stringify({ ...policy, spec: { match: { images: ["a/b"] }, authorities } }),
    );
    expect(() => readPolicies(folder)).toThrow(
      /2 problems\n {2}spec\.authorities\[0\]: .*\n {2}spec\.authorities\[1\]: /,
    );
    rmSync(folder, { recursive: true });
  });

  it("may hold other people's objects", async () => {
    const folder = mkdtempSync(join(tmpdir(), "outrider-policies-"));
    writeFileSync(join(folder, "p.yaml"), "apiVersion: v1\nkind: ConfigMap\n");
    expect(readPolicies(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it("that is emptied refuses every image", async () => {
    await withWebhook({ p: spec() }, async (webhook) => {
      rmSync(join(webhook.folder, "policies/all.yaml"));
      const said = async () => (await webhook.admit(pod(shop.images.good))).answer.status?.message ?? "(admitted)";
      while (!(await said()).includes("IMG_NO_POLICY")) await new Promise((resolve) => setTimeout(resolve, 20));
    });
  });
});

describe("the collector", () => {
  it("hears of each decision once, with image, signer, scan and codes, and of the review's span", async () => {
    const sink = await startSink();
    await withWebhook(
      { p: spec() },
      async (webhook) => {
        await webhook.admit(pod(shop.images.good));
        await webhook.admit(pod(shop.images.vulnerable));
      },
      { collector: sink.url },
    );
    const logs = sink.bodies
      .filter(({ path }) => path === "/v1/logs")
      .map(({ text }) => text)
      .join("\n");
    expect(logs.split('"admitted"').length - 1).toBe(1);
    expect(logs.split('"refused"').length - 1).toBe(1);
    for (const fact of [
      "acme-release",
      "attestation by acme-scanner, 2 h old",
      "IMG_VULNERABLE at spec.containers[0].image: found CVE-2021-44228",
      shop.images.good,
    ])
      expect(logs).toContain(fact);
    const traces = sink.bodies
      .filter(({ path }) => path === "/v1/traces")
      .map(({ text }) => text)
      .join("\n");
    for (const fact of ["admission validate", "outrider-admission", "outrider.admission.outcome"])
      expect(traces).toContain(fact);
    sink.close();
  });

  it("that is away changes no answer", async () => {
    const { answer } = await withWebhook({ p: spec() }, (webhook) => webhook.admit(pod(shop.images.good)), {
      collector: "http://127.0.0.1:1",
    });
    expect(answer.allowed).toBe(true);
  });
});

describe("the webhook's own certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "outrider-serving-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const options = (clock = () => Date.now()) => ({
    stateDir: join(folder, "state"),
    caFile: join(folder, "ca.pem"),
    serverNames: ["127.0.0.1"],
    clock,
    log: silentLog,
  });

  it("keep their authority over a restart", () => {
    const one = createServing(options(), () => {});
    const two = createServing(options(), () => {});
    expect(two.bundle()).toBe(one.bundle());
    expect(two.current().certPem).not.toBe(one.current().certPem);
    expect(two.current().notAfterMs).toBeGreaterThan(Date.now() + SERVING_TTL_MS - DAY_MS);
    one.close();
    two.close();
  });

  it("change under open connections, trusted by old and new bundles alike", async () => {
    const metrics = createMetrics(() => 1);
    const serving = createServing(options(), (next) => server.serve(next));
    const doors = {
      validate: () => Promise.reject(new Error("unused")),
      mutate: () => Promise.reject(new Error("unused")),
    };
    const server = await startReviewServer({
      listen: { host: "127.0.0.1", port: 0 },
      certificate: serving.current(),
      doors,
      metrics,
      notReady: () => [],
    });
    const serial = (ca: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port: Number(server.address.split(":")[1]), ca }, () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        }).on("error", reject);
      });
    const before = serving.bundle();
    const first = await serial(before);
    serving.renew();
    const renewed = await serial(before);
    serving.rotate();
    const rotated = await Promise.all([serial(before), serial(readFileSync(join(folder, "ca.pem"), "utf8"))]);
    serving.close();
    await server.close();
    expect(new Set([first, renewed, rotated[0]]).size).toBe(3);
    expect(rotated[0]).toBe(rotated[1]);
    expect(serving.bundle().startsWith(before)).toBe(false);
    expect(serving.bundle()).toContain(before);
  });
});
