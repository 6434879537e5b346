import { describe, expect, it } from "@jest/globals";
import type { KubernetesConfig } from "../../../admission/kubernetes/config.ts";
import { ownNamespacePolicy } from "../../../admission/kubernetes/own-namespace.ts";
import { mutatingConfiguration, validatingConfiguration } from "../../../admission/kubernetes/webhooks.ts";

const CONFIG: KubernetesConfig = {
  inCluster: true,
  namespace: "outrider-system",
  register: { service: { name: "outrider-admission", port: 443 } },
  bootstrapNamespaces: ["kube-system"],
  pullSecrets: { namespaces: [] },
  timeout: 10_000,
};

interface Webhook {
  readonly name: string;
  readonly failurePolicy: string;
  readonly sideEffects: string;
  readonly matchPolicy: string;
  readonly reinvocationPolicy?: string;
  readonly timeoutSeconds: number;
  readonly clientConfig: { readonly service?: object; readonly url?: string; readonly caBundle: string };
  readonly rules: readonly {
    readonly apiGroups: string[];
    readonly resources: string[];
    readonly operations: string[];
  }[];
  readonly namespaceSelector: {
    readonly matchExpressions: readonly { key: string; operator: string; values: string[] }[];
  };
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
}

const webhooksOf = (configuration: { readonly webhooks: readonly object[] }) => configuration.webhooks as Webhook[];
const validating = (config = CONFIG) => webhooksOf(validatingConfiguration(config, "CA"));
const mutating = (config = CONFIG) => webhooksOf(mutatingConfiguration(config, "CA"));
const named = (webhooks: readonly Webhook[], name: string) =>
  webhooks.find((webhook) => webhook.name === `${name}.outrider.dev`);
const resources = (webhook?: Webhook) =>
  webhook?.rules.flatMap((rule) => rule.resources.map((one) => `${rule.apiGroups[0]}/${one}`));

describe("how the webhook is registered", () => {
  it("pods, their subresources and every built-in template fail closed", () => {
    expect(resources(named(validating(), "pods"))).toEqual(["/pods", "/pods/ephemeralcontainers", "/pods/resize"]);
    expect(resources(named(validating(), "templates"))?.toSorted()).toEqual([
      "/podtemplates",
      "/replicationcontrollers",
      "apps/daemonsets",
      "apps/deployments",
      "apps/replicasets",
      "apps/statefulsets",
      "batch/cronjobs",
      "batch/jobs",
    ]);
    for (const name of ["pods", "templates"]) expect(named(validating(), name)?.failurePolicy).toBe("Fail");
    expect(named(mutating(), "pods")?.failurePolicy).toBe("Fail");
  });

  it("unknown kinds fail open, because the Pod is the boundary; what is written all day is kept out", () => {
    const others = named(validating(), "others");
    expect(others).toMatchObject({ failurePolicy: "Ignore", rules: [{ apiGroups: ["*"], resources: ["*"] }] });
    const conditions = others?.matchConditions?.map(({ expression }) => expression).join("\n") ?? "";
    for (const kept of [
      '"coordination.k8s.io"',
      '"nodes"',
      '"events"',
      '"secrets"',
      '"events.k8s.io"',
      '"outrider.dev"',
    ])
      expect(conditions).toContain(kept);
    expect(others?.matchConditions?.every(({ expression }) => expression.startsWith("!("))).toBe(true);
  });

  it("pods alone are changed, also after another webhook has", () => {
    for (const webhook of mutating()) {
      expect(resources(webhook)).toEqual(["/pods", "/pods/ephemeralcontainers", "/pods/resize"]);
      expect(webhook.reinvocationPolicy).toBe("IfNeeded");
    }
  });

  it("namespaces are left out by their whole name, never by its beginning", () => {
    const key = "kubernetes.io/metadata.name";
    const elsewhere = { key, operator: "NotIn", values: ["outrider-system", "kube-system"] };
    for (const webhook of [named(validating(), "pods"), named(validating(), "templates"), named(mutating(), "pods")])
      expect(webhook?.namespaceSelector.matchExpressions).toEqual([elsewhere]);
    const own = { key, operator: "NotIn", values: ["outrider-system"] };
    expect(named(validating(), "others")?.namespaceSelector.matchExpressions).toEqual([own]);
  });

  it("what a cluster starts with is judged while the gate is there and goes on while it is not", () => {
    const only = { key: "kubernetes.io/metadata.name", operator: "In", values: ["kube-system"] };
    for (const webhooks of [validating(), mutating()])
      expect(named(webhooks, "bootstrap")).toMatchObject({
        failurePolicy: "Ignore",
        namespaceSelector: { matchExpressions: [only] },
      });
    const none = { ...CONFIG, bootstrapNamespaces: [] };
    expect([...validating(none), ...mutating(none)].filter(({ name }) => name.startsWith("bootstrap"))).toEqual([]);
  });

  it("says of each that a dry run has no effect, which versions match, and how long to wait", () => {
    for (const webhook of [...validating(), ...mutating()])
      expect(webhook).toMatchObject({ sideEffects: "NoneOnDryRun", matchPolicy: "Equivalent", timeoutSeconds: 10 });
  });

  it("is reached through the Service of our namespace, or by URL", () => {
    const [first] = validating();
    const caBundle = Buffer.from("CA").toString("base64");
    const service = { namespace: "outrider-system", name: "outrider-admission", path: "/validate", port: 443 };
    expect(first?.clientConfig).toEqual({ caBundle, service });
    const [changing] = mutating({ ...CONFIG, register: { url: "https://192.0.2.7:8443" } });
    expect(changing?.clientConfig).toEqual({ caBundle, url: "https://192.0.2.7:8443/mutate" });
  });
});

describe("our own namespace", () => {
  it("is held by the API server itself: every list of images, closed on failure, that namespace alone", () => {
    const [policy, binding] = ownNamespacePolicy("gate");
    const selector = { matchLabels: { "kubernetes.io/metadata.name": "gate" } };
    expect(policy.spec).toMatchObject({ failurePolicy: "Fail", matchConstraints: { namespaceSelector: selector } });
    expect(binding.spec).toMatchObject({ validationActions: ["Deny"], policyName: policy.metadata?.name });
    const [images] = policy.spec?.variables ?? [];
    for (const list of ["containers", "initContainers", "ephemeralContainers", "volumes"])
      expect(images?.expression).toContain(`object.spec.${list}`);
  });
});
