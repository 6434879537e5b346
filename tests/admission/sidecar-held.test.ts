import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { SIDECAR_NAME, SIDECAR_UID } from "../../admission/sidecar/sidecar-spec.ts";
import { openShop, type Pod, pod, policySpec, type Shop, startWebhook, type Webhook } from "./support/webhook.ts";

type Container = Record<string, unknown>;

let shop: Shop;
let webhook: Webhook;
/** As /mutate leaves it. */
let injected: Pod;

beforeAll(async () => {
  shop = await openShop();
  webhook = await startWebhook(shop, { sidecar: { image: shop.images.sidecar } });
  const livenessProbe = { httpGet: { path: "/healthz", port: 8080 } };
  const containers = [{ name: "web", image: shop.images.good, livenessProbe }];
  injected = (await webhook.admit(pod(shop.images.good, { containers }))).object;
});

afterAll(async () => {
  await webhook.close();
  await shop.registry.close();
});

const withSpec = (spec: object): Pod => ({ ...injected, spec: { ...injected.spec, ...spec } });
const sidecar = (): Container => (injected.spec["initContainers"] as Container[])[0] ?? {};
const withSidecar = (more: object): Pod => withSpec({ initContainers: [{ ...sidecar(), ...more }] });
const withMount = (more: object): Pod => {
  const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
  const mounts = sidecar()["volumeMounts"] as object[];
  return withSidecar({ volumeMounts: [...mounts, { name: "kube-api-access-x2b4k", mountPath, ...more }] });
};
const web = (): Container => (injected.spec["containers"] as Container[])[0] ?? {};

describe("the final pod is admitted", () => {
  const cases: [given: string, object: () => Pod][] = [
    ["as it was injected", () => injected],
    [
      "with what the API server fills in",
      () =>
        withSidecar({
          imagePullPolicy: "Always",
          terminationMessagePath: "/dev/termination-log",
          terminationMessagePolicy: "File",
          resizePolicy: [{ resourceName: "cpu", restartPolicy: "NotRequired" }],
        }),
    ],
    ["with the account's token where the API server mounts it", () => withMount({ readOnly: true })],
    ["with resources that somebody else chose for it", () => withSidecar({ resources: { limits: { cpu: "2" } } })],
    [
      "with an init container behind the sidecar",
      () => withSpec({ initContainers: [sidecar(), { ...web(), name: "i" }] }),
    ],
  ];
  it.each(cases)("%s", async (_, object) => {
    expect(await webhook.validate(object())).toMatchObject({ allowed: true });
  });
});

describe("the final pod is refused when its sidecar", () => {
  const cases: [given: string, object: () => Pod, code: string, path: string][] = [
    ["was taken out", () => withSpec({ initContainers: [] }), "SIDECAR_MISSING", "spec.initContainers"],
    [
      "never was, whatever its annotation says",
      () => pod(pinned(), {}, { annotations: { "outrider.dev/injected": "x" } }),
      "SIDECAR_MISSING",
      "spec.initContainers",
    ],
    ["has another command", () => withSidecar({ command: ["sleep"] }), "SIDECAR_ALTERED", "spec.initContainers[0]"],
    ["has another image", () => withSidecar({ image: pinned() }), "SIDECAR_ALTERED", "spec.initContainers[0]"],
    [
      "loads another's code",
      () => withSidecar({ env: [...(sidecar()["env"] as object[]), { name: "NODE_OPTIONS", value: "-r x" }] }),
      "SIDECAR_ALTERED",
      "spec.initContainers[0]",
    ],
    [
      "has a probe table that is none",
      () =>
        withSidecar({
          env: (sidecar()["env"] as { name: string }[]).map((one) =>
            one.name === "OUTRIDER_PROBES" ? { ...one, value: '{"web/livez":{"port":15020}}' } : one,
          ),
        }),
      "SIDECAR_ALTERED",
      "spec.initContainers[0]",
    ],
    [
      "has a message file over a file of its own",
      () => withSidecar({ terminationMessagePath: "/app/outrider.js" }),
      "SIDECAR_ALTERED",
      "spec.initContainers[0]",
    ],
    [
      "has a volume of the author's where it may write",
      () => withMount({}),
      "SIDECAR_ALTERED",
      "spec.initContainers[0]",
    ],
    [
      "shares mounts with the node",
      () => withMount({ readOnly: true, mountPropagation: "HostToContainer" }),
      "SIDECAR_ALTERED",
      "spec.initContainers[0]",
    ],
    ["does not restart", () => withSidecar({ restartPolicy: undefined }), "SIDECAR_ALTERED", "spec.initContainers[0]"],
    [
      "stands behind another",
      () => withSpec({ initContainers: [{ ...web(), name: "first" }, sidecar()] }),
      "SIDECAR_ALTERED",
      "spec.initContainers[1]",
    ],
    [
      "lost a volume",
      () => withSpec({ volumes: (injected.spec["volumes"] as object[]).slice(1) }),
      "SIDECAR_ALTERED",
      "spec.volumes",
    ],
    [
      "has another configuration",
      () =>
        withSpec({
          volumes: (injected.spec["volumes"] as { name: string }[]).map((one) =>
            one.name === "outrider-config" ? { name: one.name, emptyDir: {} } : one,
          ),
        }),
      "SIDECAR_ALTERED",
      "spec.volumes[1]",
    ],
    [
      "shares its user",
      () => withSpec({ containers: [{ ...web(), securityContext: { runAsUser: SIDECAR_UID } }] }),
      "SIDECAR_UID_TAKEN",
      "spec.containers[0].securityContext.runAsUser",
    ],
    [
      "shares its volumes",
      () => withSpec({ containers: [{ ...web(), volumeMounts: [{ name: "outrider-identity", mountPath: "/t" }] }] }),
      "SIDECAR_VOLUME_TAKEN",
      "spec.containers[0].volumeMounts[0]",
    ],
  ];
  it.each(cases)("%s", async (_, object, code, path) => {
    const { allowed, status } = await webhook.validate(JSON.parse(JSON.stringify(object())) as Pod);
    expect(allowed).toBe(false);
    expect(status?.message).toContain(`${code}: `);
    expect(status?.message).toContain(path);
    expect(status?.message).toContain("rule: ImagePolicy production");
  });

  const pinned = () => web()["image"] as string;
});

describe("a probe that a later webhook added", () => {
  it("is warned of, since it fails under strict mutual TLS", async () => {
    const agent = { ...web(), name: "agent", livenessProbe: { httpGet: { port: 9000 } } };
    const { allowed, warnings } = await webhook.validate(withSpec({ containers: [web(), agent] }));
    expect(allowed).toBe(true);
    expect(warnings).toEqual([expect.stringMatching(/^spec\.containers\[1\]\.livenessProbe: SIDECAR_PROBE_DIRECT/)]);
  });
});

describe("a stored pod", () => {
  const update = (oldObject: Pod) => ({ operation: "UPDATE", oldObject });

  it("without a sidecar may be updated", async () => {
    const old = pod(web()["image"] as string);
    const next = { ...old, spec: { ...old.spec, activeDeadlineSeconds: 9 } };
    expect(await webhook.validate(next, update(old))).toMatchObject({ allowed: true });
  });

  it("keeps the sidecar it was created with, though another is injected now", async () => {
    const old = withSidecar({ image: shop.images.sidecar.replace("@", ":old@") });
    const next = { ...old, spec: { ...old.spec, activeDeadlineSeconds: 9 } };
    expect(await webhook.validate(next, update(old))).toMatchObject({ allowed: true });
  });

  it.each([
    ["another image for its sidecar", () => withSidecar({ image: web()["image"] as string }), "SIDECAR_ALTERED"],
    [
      "a debug container as the sidecar's user",
      () =>
        withSpec({
          ephemeralContainers: [{ name: "d", image: web()["image"], securityContext: { runAsUser: SIDECAR_UID } }],
        }),
      "SIDECAR_UID_TAKEN",
    ],
    [
      "a debug container inside the sidecar",
      () =>
        withSpec({ ephemeralContainers: [{ name: "d", image: web()["image"], targetContainerName: SIDECAR_NAME }] }),
      "SIDECAR_TARGETED",
    ],
  ])("does not get %s", async (_, next, code) => {
    const { allowed, status } = await webhook.validate(next(), { ...update(injected), subResource: "" });
    expect(allowed).toBe(false);
    expect(status?.message).toContain(`${code}: `);
  });
});

describe("a pod that opts out", () => {
  const annotations = { "outrider.dev/inject": "disabled" };

  it("is refused where the policy lets none", async () => {
    const spec = policySpec(shop);
    const pods = { ...(spec["pods"] as object), optOut: "refused", podSecurity: "privileged" };
    const strict = await startWebhook(shop, {
      sidecar: { image: shop.images.sidecar },
      policies: { strict: { ...spec, pods } },
    });
    const image = web()["image"] as string;
    const answers = [
      await strict.validate(pod(image, {}, { annotations })),
      await strict.validate(pod(image, { hostNetwork: true })),
      await strict.validate(injected),
    ];
    await strict.close();
    expect(answers.map(({ allowed }) => allowed)).toEqual([false, false, true]);
    expect(answers[0]?.status?.message).toContain("SIDECAR_OPT_OUT: metadata.annotations");
    expect(answers[1]?.status?.message).toContain("SIDECAR_OPT_OUT: spec.hostNetwork");
  });

  it("is admitted elsewhere", async () => {
    const { answer } = await webhook.admit(pod(shop.images.good, {}, { annotations }));
    expect(answer.allowed).toBe(true);
  });
});

describe("a pod whose grace is shorter than a drain", () => {
  it("is warned of when it gets its sidecar", async () => {
    const { warnings } = await webhook.mutate(pod(shop.images.good, { terminationGracePeriodSeconds: 2 }));
    expect(warnings).toEqual([expect.stringContaining("terminationGracePeriodSeconds 2 is shorter than the 10 s")]);
  });
});
