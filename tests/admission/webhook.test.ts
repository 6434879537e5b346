import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { verifyLog } from "../../admission/record/verify-log.ts";
import { pushImage } from "../../cli/demo/registry/registry.ts";
import { attestVuln, signCosignSimple } from "../../cli/demo/signing/signing.ts";
import { fromTimes, on, redirectTo } from "../support/registry-of-faults.ts";
import {
  openShop,
  type Pod,
  pod,
  policySpec,
  RELEASE,
  requestFor,
  SCANNER,
  type Shop,
  startWebhook,
  type Webhook,
} from "./support/webhook.ts";

let shop: Shop;
let webhook: Webhook;

beforeAll(async () => {
  shop = await openShop();
  webhook = await startWebhook(shop, { sidecar: { image: shop.images.sidecar } });
});

afterAll(async () => {
  await webhook.close();
  await shop.registry.close();
});

/** Everything a refusal says, for looking things up in. */
const messageOf = (answer: { status?: { message: string } }) => answer.status?.message ?? "(admitted)";

describe("a signed and scanned image is admitted", () => {
  it.each(["good", "bundle"] as const)("%s: and held to its digest", async (name) => {
    const { object, answer } = await webhook.admit(pod(shop.images[name]));
    expect(messageOf(answer)).toBe("(admitted)");
    const [container] = object.spec["containers"] as { image: string }[];
    expect(container?.image).toMatch(/:1\.0\.0@sha256:[0-9a-f]{64}$/);
  });

  it("and the answer says on whose word", async () => {
    const { answer } = await webhook.admit(pod(shop.images.good));
    const said = Object.values(answer.auditAnnotations ?? {}).join("\n");
    expect(said).toMatch(/signed by acme-release; scan: attestation by acme-scanner, 2 h old/);
  });

  it("as a Deployment by its tag, because its Pods are pinned when they are made", async () => {
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { template: templateOf(shop.images.good) },
    };
    expect(messageOf(await webhook.validate(deployment))).toBe("(admitted)");
  });
});

const templateOf = (image: string) => ({ metadata: { labels: { owner: "team-shop" } }, spec: pod(image).spec });

describe("an image is refused", () => {
  const cases: [given: string, image: keyof Shop["images"], code: string, words: RegExp][] = [
    ["when nobody signed it", "unsigned", "IMG_UNSIGNED", /expected one by acme-release/],
    ["when somebody else signed it", "stranger", "IMG_UNTRUSTED_SIGNER", /expected one by acme-release/],
    ["when only its scan is attested, by the release key", "attested", "IMG_UNSIGNED", /expected one by acme-release/],
    ["when it has a critical vulnerability", "vulnerable", "IMG_VULNERABLE", /CVE-2021-44228/],
  ];
  it.each(cases)("%s", async (_, image, code, words) => {
    const { answer } = await webhook.admit(pod(shop.images[image]));
    expect(answer.allowed).toBe(false);
    expect(messageOf(answer)).toContain(`${code}: `);
    expect(messageOf(answer)).toMatch(words);
    expect(messageOf(answer)).toMatch(/\n +fix: /);
  });

  it("when no policy covers it", async () => {
    const { answer } = await webhook.admit(pod("ghcr.io/somebody/else:1"));
    expect(messageOf(answer)).toContain("IMG_NO_POLICY");
  });

  it("when the registry does not have it", async () => {
    const { answer } = await webhook.admit(pod(`${shop.registry.host}/shop/nothing:1`));
    expect(messageOf(answer)).toContain("IMG_NOT_FOUND");
  });

  it.each(["ghcr.io/UPPER/case", "", "a:b:c", "ghcr.io/acme/web@sha256:short", "ghcr.io/аcme/web:1"])(
    "when its reference is %j",
    async (reference) => {
      const { answer } = await webhook.admit(pod(reference));
      expect(messageOf(answer)).toContain("IMG_REFERENCE_INVALID");
    },
  );

  it("when it is only a tag by the time it is stored", async () => {
    expect(messageOf(await webhook.validate(pod(shop.images.good)))).toContain("IMG_NOT_PINNED");
  });
});

describe("a tag that moves between two looks", () => {
  it("does not get each policy's approval for another image", async () => {
    const { registry } = shop;
    const signed = await pushImage(registry, { repository: "shop/moving", tag: "a", files: { "/a": "a" } });
    const scanned = await pushImage(registry, { repository: "shop/moving", tag: "b", files: { "/b": "b" } });
    await signCosignSimple(registry, signed, RELEASE);
    await attestVuln(registry, scanned, SCANNER, { finishedAtMs: Date.now(), findings: [] });
    const { signatures, scan, pods: _none, ...rest } = policySpec(shop);
    const split = await startWebhook(shop, { policies: { a: { ...rest, signatures }, b: { ...rest, scan } } });
    const second = fromTimes(2, redirectTo("/v2/shop/moving/manifests/b"));
    registry.inject(on(/shop\/moving\/manifests\/a$/, second));
    const template = templateOf(`${registry.host}/shop/moving:a`);
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec: { template } };
    const answer = await split.validate(deployment);
    registry.calm();
    await split.close();
    expect(messageOf(answer)).toContain("IMG_UNSCANNED");
  });
});

describe("a bad image is found wherever it hides", () => {
  const bad = () => ({ name: "extra", image: shop.images.unsigned });
  const good = () => pod(shop.images.good).spec["containers"];
  const cases: [given: string, object: () => object, path: string][] = [
    ["an init container", () => pod(shop.images.good, { initContainers: [bad()] }), "spec.initContainers[0].image"],
    [
      "the second container",
      () => pod(shop.images.good, { containers: [...(good() as object[]), bad()] }),
      "spec.containers[1].image",
    ],
    [
      "an ephemeral container",
      () => pod(shop.images.good, { ephemeralContainers: [bad()] }),
      "spec.ephemeralContainers[0].image",
    ],
    [
      "an image volume",
      () => pod(shop.images.good, { volumes: [{ name: "v", image: { reference: shop.images.unsigned } }] }),
      "spec.volumes[0].image.reference",
    ],
    [
      "a CronJob",
      () => ({
        apiVersion: "batch/v1",
        kind: "CronJob",
        metadata: { name: "x" },
        spec: { jobTemplate: { spec: { template: templateOf(shop.images.unsigned) } } },
      }),
      "spec.jobTemplate.spec.template.spec.containers[0].image",
    ],
    [
      "a PodTemplate",
      () => ({
        apiVersion: "v1",
        kind: "PodTemplate",
        metadata: { name: "x" },
        template: templateOf(shop.images.unsigned),
      }),
      "template.spec.containers[0].image",
    ],
    [
      "a ReplicationController",
      () => ({
        apiVersion: "v1",
        kind: "ReplicationController",
        metadata: { name: "x" },
        spec: { template: templateOf(shop.images.unsigned) },
      }),
      "spec.template.spec.containers[0].image",
    ],
    [
      "a kind nobody told the gate about",
      () => ({
        apiVersion: "example.com/v1",
        kind: "Rollout",
        metadata: { name: "x" },
        spec: { steps: [{ canary: { template: templateOf(shop.images.unsigned) } }] },
      }),
      "spec.steps[0].canary.template.spec.containers[0].image",
    ],
    [
      "an unknown kind's image volume alone",
      () => ({
        apiVersion: "example.com/v1",
        kind: "Thing",
        metadata: { name: "x" },
        spec: { volumes: [{ image: { reference: shop.images.unsigned } }] },
      }),
      "spec.volumes[0].image.reference",
    ],
  ];
  it.each(cases)("%s", async (_, object, path) => {
    const message = messageOf(await webhook.validate(object()));
    expect(message).toMatch(new RegExp(`deny +${path.replace(/[[\].]/g, "\\$&")} .*shop/unsigned`));
    expect(message).toContain("IMG_UNSIGNED");
  });

  it("the ephemeralcontainers subresource of a running pod", async () => {
    const running = pod(shop.images.good);
    const changed = pod(shop.images.good, { ephemeralContainers: [bad()] });
    const answer = await webhook.validate(changed, {
      operation: "UPDATE",
      subResource: "ephemeralcontainers",
      oldObject: running,
    });
    expect(messageOf(answer)).toContain("spec.ephemeralContainers[0].image");
    expect(messageOf(answer)).not.toContain("spec.containers[0].image");
  });

  it.each([
    ["an entry that is no container", { containers: ["x", bad] }],
    ["a key that is nearly right", { Containers: [bad] }],
    ["an image that is no text", { containers: [{ name: "a", image: ["x"] }, bad] }],
    ["a list that is no list", { containers: { name: "a" } }],
  ])("behind %s: an object it cannot read is refused", async (_, spec) => {
    const answer = await webhook.validate({ ...pod(shop.images.good), spec });
    expect(messageOf(answer)).toContain("POD_MALFORMED");
  });
});

describe("a pod is refused, all its faults at once", () => {
  it("when it is privileged, shares the host's network and lacks an owner", async () => {
    const spec = {
      hostNetwork: true,
      containers: [{ name: "web", image: shop.images.good, securityContext: { privileged: true } }],
    };
    const message = messageOf((await webhook.admit(pod(shop.images.good, spec, { labels: {} }))).answer);
    expect(message).toContain("PSS_PRIVILEGED: spec.containers[0].securityContext.privileged: found privileged: true");
    expect(message).toContain("PSS_HOST_NAMESPACE: spec.hostNetwork");
    expect(message).toContain("REGO_VIOLATION: metadata.labels.owner: found no label owner");
    expect(message).toContain("Rego required-labels (ImagePolicy production)");
    expect(message).toMatch(/^refused {2}Pod shop\/web-1 {2}\(1 of 1 image passes\)/);
  });
});

describe("an update is judged only where it changes something", () => {
  const update = (object: Pod, oldObject: Pod) => webhook.validate(object, { operation: "UPDATE", oldObject });

  it("so a label on a pod whose image nobody would admit today is allowed", async () => {
    const old = pod(shop.images.unsigned);
    expect((await update(pod(shop.images.unsigned, {}, { labels: { owner: "x", a: "b" } }), old)).allowed).toBe(true);
  });

  it("so a finalizer may go", async () => {
    const old = pod(shop.images.unsigned, {}, { finalizers: ["a/b"] });
    expect((await update(pod(shop.images.unsigned), old)).allowed).toBe(true);
  });

  it("so a new image is judged, and the old one is not", async () => {
    const message = messageOf(await update(pod(shop.images.vulnerable), pod(shop.images.unsigned)));
    expect(message).toContain("IMG_VULNERABLE");
    expect(message).not.toContain("IMG_UNSIGNED");
  });

  it("so the label a rule wants cannot be taken off", async () => {
    const message = messageOf(await update(pod(shop.images.good, {}, { labels: {} }), pod(shop.images.good)));
    expect(message).toContain("REGO_VIOLATION");
  });

  it("so nothing hinders an object that is being deleted", async () => {
    const old = pod(shop.images.good, {}, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(
      (await update(pod(shop.images.unsigned, {}, { deletionTimestamp: "2026-01-01T00:00:00Z" }), old)).allowed,
    ).toBe(true);
  });

  it("and a deletion mark on the new object alone excuses nothing", async () => {
    const marked = pod(shop.images.unsigned, {}, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect((await update(marked, pod(shop.images.good))).allowed).toBe(false);
  });
});

describe("a DELETE", () => {
  it("is allowed, as it runs no image", async () => {
    const answer = await webhook.validate(pod(shop.images.unsigned), {
      operation: "DELETE",
      object: null,
      oldObject: pod(shop.images.unsigned),
    });
    expect(answer.allowed).toBe(true);
  });
});

describe("what is written on an object is not believed", () => {
  it.each([
    { "outrider.dev/verified": "true" },
    { "outrider.dev/injected": "sha256:0000" },
    { "kubernetes.io/config.mirror": "0123" },
  ])("%j changes nothing", async (annotations) => {
    expect((await webhook.admit(pod(shop.images.unsigned, {}, { annotations }))).answer.allowed).toBe(false);
  });
});

describe("the decision log", () => {
  it("holds an unbroken chain of what was decided, and nothing of a dry run", async () => {
    const file = join(webhook.folder, "state/decisions.log");
    const lines = () =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line.includes('"uid":'));
    const before = lines().length;
    await webhook.review("validate", requestFor(pod(shop.images.unsigned), { dryRun: true, name: "dry" }));
    expect(lines()).toHaveLength(before);
    await webhook.admit(pod(shop.images.unsigned));
    expect(lines()).toHaveLength(before + 1);
    expect(JSON.parse(lines().at(-1) ?? "")).toMatchObject({
      subject: "Pod shop/web-1",
      outcome: "deny",
      user: "alice",
      violations: [{ code: "IMG_UNSIGNED" }],
    });
    expect(verifyLog(file)).toMatchObject({ holds: true });
  });
});
