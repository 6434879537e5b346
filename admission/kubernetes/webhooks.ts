import { SECOND_MS } from "../../core/base/clock.ts";
import type { ApiObject } from "../../core/cluster/api-server/api-server.ts";
import type { KubernetesConfig } from "./config.ts";
import { CRD_GROUP } from "./paths.ts";

export const CONFIGURATION_NAME = "outrider";

/** @see Kubernetes API reference, admissionregistration.k8s.io/v1 */
interface WebhookConfiguration extends ApiObject {
  readonly webhooks: readonly object[];
}

/** Labels every namespace, set by the API server itself: nobody can give a namespace another one's name. */
const NAMESPACE_NAME = "kubernetes.io/metadata.name";

const WRITES = ["CREATE", "UPDATE"];
const rule = (group: string, version: string, resources: readonly string[]) => ({
  apiGroups: [group],
  apiVersions: [version],
  operations: WRITES,
  resources,
  scope: "Namespaced",
});

/** Where images come to run. `pods/status` and `pods/binding` change none. */
const PODS = [rule("", "v1", ["pods", "pods/ephemeralcontainers", "pods/resize"])];
/** What makes pods out of a template, judged early so that its author hears of it. */
const TEMPLATES = [
  rule("apps", "v1", ["deployments", "statefulsets", "daemonsets", "replicasets"]),
  rule("batch", "v1", ["jobs", "cronjobs"]),
  rule("", "v1", ["replicationcontrollers", "podtemplates"]),
];
const EVERYTHING = [{ apiGroups: ["*"], apiVersions: ["*"], operations: WRITES, resources: ["*"], scope: "*" }];

/**
 * Resources of Kubernetes' own that hold no pod, or are judged by the rules above: leases, nodes and events are written
 * many times a second, secrets are none of our business. By name, so that a kind a later version adds is looked at.
 */
const OWN_RESOURCES: Readonly<Record<string, readonly string[]>> = {
  "": [
    ...["bindings", "componentstatuses", "configmaps", "endpoints", "events", "limitranges", "namespaces", "nodes"],
    ...["persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "replicationcontrollers"],
    ...["resourcequotas", "secrets", "serviceaccounts", "services"],
  ],
  apps: ["controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"],
  batch: ["cronjobs", "jobs"],
};
/** Groups of Kubernetes' own in which nothing holds a pod, and ours. */
const OWN_GROUPS = [
  ...["admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io"],
  ...["authorization.k8s.io", "autoscaling", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io"],
  ...["events.k8s.io", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "metrics.k8s.io"],
  ...["networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io"],
  "scheduling.k8s.io",
  ...["storage.k8s.io", "storagemigration.k8s.io", CRD_GROUP],
];

/** CEL, evaluated by the API server before it calls. @see Kubernetes documentation, "Matching requests: matchConditions" */
function unknownKindsOnly() {
  const list = (names: readonly string[]) => `[${names.map((name) => `"${name}"`).join(", ")}]`;
  const own = Object.entries(OWN_RESOURCES).map(([group, resources]) => ({
    name: `not-${group === "" ? "core" : group}`,
    expression: `!(request.resource.group == "${group}" && request.resource.resource in ${list(resources)})`,
  }));
  return [...own, { name: "not-own-groups", expression: `!(request.resource.group in ${list(OWN_GROUPS)})` }];
}

/** What is the same for all of them. */
function common(config: KubernetesConfig, path: string, caPem: string) {
  return {
    clientConfig: clientConfigOf(config, path, caPem),
    admissionReviewVersions: ["v1"],
    sideEffects: "NoneOnDryRun",
    matchPolicy: "Equivalent",
    timeoutSeconds: config.timeout / SECOND_MS,
    objectSelector: {},
  } as const;
}

function clientConfigOf({ register, namespace }: KubernetesConfig, path: string, caPem: string) {
  const caBundle = Buffer.from(caPem).toString("base64");
  if (register?.url !== undefined) return { caBundle, url: `${register.url}${path}` };
  const { name = "outrider-admission", port = 443 } = register?.service ?? {};
  return { caBundle, service: { namespace, name, path, port } };
}

function inNamespaces(operator: "In" | "NotIn", values: readonly string[]) {
  return { matchExpressions: [{ key: NAMESPACE_NAME, operator, values: [...values] }] };
}

/** The entries by who pays when the webhook is not there: pods and templates are refused, others wait for the Pod. */
export function validatingConfiguration(config: KubernetesConfig, caPem: string): WebhookConfiguration {
  const { namespace, bootstrapNamespaces } = config;
  const entry = common(config, "/validate", caPem);
  const elsewhere = inNamespaces("NotIn", [namespace, ...bootstrapNamespaces]);
  const webhooks = [
    { ...entry, name: "pods.outrider.dev", rules: PODS, namespaceSelector: elsewhere, failurePolicy: "Fail" },
    { ...entry, name: "templates.outrider.dev", rules: TEMPLATES, namespaceSelector: elsewhere, failurePolicy: "Fail" },
    {
      ...entry,
      name: "others.outrider.dev",
      rules: EVERYTHING,
      namespaceSelector: inNamespaces("NotIn", [namespace]),
      failurePolicy: "Ignore",
      matchConditions: unknownKindsOnly(),
    },
  ];
  const bootstrap = {
    ...entry,
    name: "bootstrap.outrider.dev",
    rules: [...PODS, ...TEMPLATES],
    namespaceSelector: inNamespaces("In", bootstrapNamespaces),
    failurePolicy: "Ignore",
  };
  return {
    ...headOf("ValidatingWebhookConfiguration"),
    webhooks: bootstrapNamespaces.length === 0 ? webhooks : [...webhooks, bootstrap],
  };
}

/** Pods alone are changed: a changed template would differ from what its author keeps in version control. */
export function mutatingConfiguration(config: KubernetesConfig, caPem: string): WebhookConfiguration {
  const { namespace, bootstrapNamespaces } = config;
  const entry = { ...common(config, "/mutate", caPem), rules: PODS, reinvocationPolicy: "IfNeeded" };
  const elsewhere = inNamespaces("NotIn", [namespace, ...bootstrapNamespaces]);
  const pods = {
    ...entry,
    name: "pods.outrider.dev",
    namespaceSelector: elsewhere,
    failurePolicy: "Fail",
  };
  const bootstrap = {
    ...entry,
    name: "bootstrap.outrider.dev",
    namespaceSelector: inNamespaces("In", bootstrapNamespaces),
    failurePolicy: "Ignore",
  };
  return {
    ...headOf("MutatingWebhookConfiguration"),
    webhooks: bootstrapNamespaces.length === 0 ? [pods] : [pods, bootstrap],
  };
}

function headOf<K extends string>(kind: K) {
  const labels = { "app.kubernetes.io/name": "outrider", "app.kubernetes.io/component": "admission" };
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
    metadata: { name: CONFIGURATION_NAME, labels },
  } as const;
}
