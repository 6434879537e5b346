import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { SIDECAR_NAME, SIDECAR_UID, sidecarContainer, sidecarVolumes } from "../../admission/sidecar/sidecar-spec.ts";
import { judgePodSecurity } from "../../core/policy/pods/pod-security.ts";
import { podSpecsOf } from "../../core/policy/pods/pod-spec-find.ts";
import {
  openShop,
  operationsOf,
  type Pod,
  pod,
  policySpec,
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

type Container = { name: string; image: string; restartPolicy?: string; resources?: { limits?: { memory?: string } } };
const initContainers = ({ spec }: Pod) => (spec["initContainers"] ?? []) as Container[];
const sidecars = (object: Pod) => initContainers(object).filter(({ name }) => name === SIDECAR_NAME);

describe("an admitted pod gets its sidecar", () => {
  it("as a native one, first of all, with its own image pinned", async () => {
    const { object, answer } = await webhook.admit(
      pod(shop.images.good, { initContainers: [{ name: "init", image: shop.images.good }] }),
    );
    expect(answer.allowed).toBe(true);
    expect(initContainers(object).map(({ name }) => name)).toEqual([SIDECAR_NAME, "init"]);
    expect(initContainers(object)[0]).toMatchObject({ restartPolicy: "Always", image: shop.images.sidecar });
    expect(object.metadata["annotations"]).toMatchObject({
      "outrider.dev/injected": expect.stringMatching(/^sha256:/),
    });
  });

  it("once, however often it is called", async () => {
    const first = await webhook.admit(pod(shop.images.good));
    const second = await webhook.admit(first.object);
    expect(second.operations).toEqual([]);
    expect(sidecars(second.object)).toHaveLength(1);
  });

  it("in place of another image under the sidecar's name", async () => {
    const forged = { name: SIDECAR_NAME, image: shop.images.good, restartPolicy: "Always" };
    const { object, answer } = await webhook.admit(
      pod(shop.images.good, { initContainers: [forged] }, { annotations: { "outrider.dev/injected": "sha256:1" } }),
    );
    expect(answer.allowed).toBe(true);
    expect(sidecars(object).map(({ image }) => image)).toEqual([shop.images.sidecar]);
  });

  describe("and not one that its author wrote under the sidecar's name", () => {
    const [CPU, MEMORY] = [
      { cpu: "20m", memory: "64Mi" },
      { cpu: "1", memory: "256Mi" },
    ];
    const ours = () => sidecarContainer(shop.images.sidecar, { requests: CPU, limits: MEMORY });
    const cases: [given: string, more: object][] = [
      ["with a command of his own", { command: ["sleep", "inf"] }],
      ["that may gain privileges", { securityContext: { runAsUser: 0 } }],
      ["that mounts nothing", { volumeMounts: [] }],
      ["with another environment", { env: [] }],
      ["with a hook", { lifecycle: { postStart: { exec: { command: ["sh"] } } } }],
    ];
    it.each(cases)("%s", async (_, more) => {
      const forged = { ...ours(), ...more };
      const { object } = await webhook.admit(
        pod(shop.images.good, { initContainers: [forged], volumes: sidecarVolumes() }),
      );
      expect(initContainers(object)).toEqual([ours()]);
    });

    it("nor volumes under its volumes' names", async () => {
      const volumes = [{ name: "mine", emptyDir: {} }, ...sidecarVolumes().map(({ name }) => ({ name, emptyDir: {} }))];
      const { object } = await webhook.admit(pod(shop.images.good, { volumes }));
      expect(object.spec["volumes"]).toEqual([{ name: "mine", emptyDir: {} }, ...sidecarVolumes()]);
    });

    it("but ours stays, with what the API server fills in", async () => {
      const env = (ours()["env"] as { valueFrom?: { fieldRef: object } }[]).map(({ valueFrom, ...one }) => ({
        ...one,
        ...(valueFrom === undefined ? {} : { valueFrom: { fieldRef: { apiVersion: "v1", ...valueFrom.fieldRef } } }),
      }));
      const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
      const account = { name: "kube-api-access-x", readOnly: true, mountPath };
      const volumeMounts = [...(ours()["volumeMounts"] as object[]), account];
      const stored = { ...ours(), env, volumeMounts, imagePullPolicy: "IfNotPresent" };
      const { operations } = await webhook.admit(
        pod(shop.images.good, { initContainers: [stored], volumes: sidecarVolumes() }),
      );
      expect(operations.map(({ path }) => path)).toEqual(["/spec/containers/0/image"]);
    });
  });

  it("sized by annotations", async () => {
    const annotations = { "outrider.dev/sidecar-memory-limit": "512Mi" };
    const { object } = await webhook.admit(pod(shop.images.good, {}, { annotations }));
    expect(sidecars(object)[0]?.resources?.limits?.memory).toBe("512Mi");
  });

  it("that meets the restricted level itself", async () => {
    const context = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    };
    const { object } = await webhook.admit(
      pod(shop.images.good, { containers: [{ name: "web", image: shop.images.good, securityContext: context }] }),
    );
    const pods = podSpecsOf(object, "", "Pod");
    expect(sidecars(object)).toHaveLength(1);
    expect(pods.flatMap((at) => judgePodSecurity(at, "restricted", "latest", "a test"))).toEqual([]);
  });
});

describe("a pod gets no sidecar", () => {
  it("when it opts out", async () => {
    const { object, answer } = await webhook.admit(
      pod(shop.images.good, {}, { annotations: { "outrider.dev/inject": "disabled" } }),
    );
    expect({ allowed: answer.allowed, sidecars: sidecars(object).length }).toEqual({ allowed: true, sidecars: 0 });
  });

  it("when it will be refused, so that its author's own places are named", async () => {
    const bad = { name: "extra", image: shop.images.unsigned };
    const { object, answer } = await webhook.admit(pod(shop.images.good, { initContainers: [bad] }));
    expect(answer.status?.message).toContain("spec.initContainers[0].image");
    expect(sidecars(object)).toEqual([]);
  });

  it("on an update, where it could not be added", async () => {
    const running = pod(shop.images.good);
    const answer = await webhook.mutate(pod(shop.images.bundle), { operation: "UPDATE", oldObject: running });
    expect(operationsOf(answer).map(({ path }) => path)).toEqual(["/spec/containers/0/image"]);
  });

  it("and a Deployment is left exactly as it is", async () => {
    const template = { metadata: { labels: { owner: "x" } }, spec: pod(shop.images.good).spec };
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec: { template } };
    expect(operationsOf(await webhook.mutate(deployment))).toEqual([]);
  });
});

describe("a pod that cannot have the sidecar it must have is refused", () => {
  const cases: [given: string, spec: object, metadata: object, code: string, path: string][] = [
    [
      "when a container runs as the sidecar's user",
      { containers: [{ name: "web", image: "GOOD", securityContext: { runAsUser: SIDECAR_UID } }] },
      {},
      "SIDECAR_UID_TAKEN",
      "spec.containers[0].securityContext.runAsUser",
    ],
    [
      "when the whole pod does",
      { securityContext: { runAsUser: SIDECAR_UID } },
      {},
      "SIDECAR_UID_TAKEN",
      "spec.securityContext.runAsUser",
    ],
    [
      "when an annotation is no quantity",
      {},
      { annotations: { "outrider.dev/sidecar-cpu-limit": "lots" } },
      "SIDECAR_CONFIG",
      'metadata.annotations["outrider.dev/sidecar-cpu-limit"]',
    ],
  ];
  it.each(cases)("%s", async (_, spec, metadata, code, path) => {
    const asked = JSON.parse(
      JSON.stringify(pod(shop.images.good, spec, metadata)).replaceAll('"GOOD"', JSON.stringify(shop.images.good)),
    ) as Pod;
    const answer = await webhook.mutate(asked);
    expect(answer.allowed).toBe(false);
    expect(answer.status?.message).toContain(`${code}: ${path}`);
  });
});

describe("a pod on the host's network", () => {
  it("is told that it has no sidecar, where its level lets it be there at all", async () => {
    const spec = policySpec(shop);
    const lax = await startWebhook(shop, {
      sidecar: { image: shop.images.sidecar },
      policies: { lax: { ...spec, pods: { ...(spec["pods"] as object), podSecurity: "privileged" } } },
    });
    const answer = await lax.mutate(pod(shop.images.good, { hostNetwork: true }));
    await lax.close();
    expect(answer.warnings).toEqual([expect.stringContaining("no sidecar injected, because hostNetwork")]);
  });
});

describe("the sidecar's own image", () => {
  it("is judged like any other when it is to be verified", async () => {
    const unsigned = shop.images.sidecar.replace("outrider/sidecar", "shop/unsigned");
    const digest = (await webhook.admit(pod(shop.images.unsigned))).object.spec["containers"] as Container[];
    const image = `${unsigned.split("@")[0]}@${digest[0]?.image.split("@")[1]}`;
    const strict = await startWebhook(shop, { sidecar: { image } });
    const trusting = await startWebhook(shop, { sidecar: { image, verify: false } });
    const [refused, admitted] = [
      await strict.admit(pod(shop.images.good)),
      await trusting.admit(pod(shop.images.good)),
    ];
    await Promise.all([strict.close(), trusting.close()]);
    expect(refused.answer.status?.message).toMatch(/deny +spec\.initContainers\[0\]\.image .*shop\/unsigned/);
    expect(admitted.answer.allowed).toBe(true);
  });
});
