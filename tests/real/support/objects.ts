/** Objects that hold an image, as their authors would write them: one of each kind that can run a pod. */

const LABELS = { app: "web", owner: "team-shop" };

export function podSpec(image: string, more: object = {}) {
  return { containers: [{ name: "web", image }], ...more };
}

export function podOf(name: string, image: string, more: object = {}) {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, labels: LABELS }, spec: podSpec(image, more) };
}

const template = (image: string, more: object = {}) => ({ metadata: { labels: LABELS }, spec: podSpec(image, more) });
const selector = { matchLabels: { app: "web" } };
const once = { restartPolicy: "Never" };

interface Resource {
  readonly kind: string;
  /** Its list in the namespace "shop". */
  readonly path: string;
  readonly body: (name: string, image: string) => object;
}

const inShop = (group: string, resource: string) => `/apis/${group}/namespaces/shop/${resource}`;
const core = (resource: string) => `/api/v1/namespaces/shop/${resource}`;

/** Each of Kubernetes' own kinds that hold a pod template. */
export const TEMPLATES: readonly Resource[] = [
  ...(["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"] as const).map((kind) => ({
    kind,
    path: inShop("apps/v1", `${kind.toLowerCase()}s`),
    body: (name: string, image: string) => ({
      apiVersion: "apps/v1",
      kind,
      metadata: { name },
      spec: { selector, template: template(image), ...(kind === "StatefulSet" ? { serviceName: "web" } : {}) },
    }),
  })),
  {
    kind: "Job",
    path: inShop("batch/v1", "jobs"),
    body: (name, image) => ({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name },
      spec: { template: template(image, once) },
    }),
  },
  {
    kind: "CronJob",
    path: inShop("batch/v1", "cronjobs"),
    body: (name, image) => ({
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name },
      spec: { schedule: "0 0 * * *", jobTemplate: { spec: { template: template(image, once) } } },
    }),
  },
  {
    kind: "ReplicationController",
    path: core("replicationcontrollers"),
    body: (name, image) => ({
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: { name },
      spec: { selector: { app: "web" }, template: template(image) },
    }),
  },
  {
    kind: "PodTemplate",
    path: core("podtemplates"),
    body: (name, image) => ({ apiVersion: "v1", kind: "PodTemplate", metadata: { name }, template: template(image) }),
  },
];

/** A kind nobody told the gate about, with a pod somewhere inside. */
export const WORKFLOW: Resource = {
  kind: "Workflow",
  path: inShop("flows.example.com/v1", "workflows"),
  body: (name, image) => ({
    apiVersion: "flows.example.com/v1",
    kind: "Workflow",
    metadata: { name },
    spec: { steps: [{ name: "one", run: { podTemplate: template(image) } }] },
  }),
};

export const WORKFLOW_CRD = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "workflows.flows.example.com" },
  spec: {
    group: "flows.example.com",
    scope: "Namespaced",
    names: { kind: "Workflow", plural: "workflows", singular: "workflow" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};
