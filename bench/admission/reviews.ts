import { randomUUID } from "node:crypto";
import { NAMESPACE } from "./stage.ts";

/** Fields a real API server sends along and nobody judges; with them a review of three containers has about 8 kB. */
const FIELDS_PER_CONTAINER = 18;

/** The review of a new Pod that meets the restricted level, one container an image. */
export function podReview(images: readonly string[]): string {
  const name = `web-${randomUUID().slice(0, 8)}`;
  const object = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: NAMESPACE,
      labels: { app: "web", "app.kubernetes.io/part-of": "shop" },
      managedFields: [managedFields(images.length)],
    },
    spec: {
      serviceAccountName: "web",
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      containers: images.map(container),
      volumes: [{ name: "tmp", emptyDir: {} }],
      tolerations: [{ key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" }],
    },
  };
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: randomUUID(),
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      requestKind: { group: "", version: "v1", kind: "Pod" },
      requestResource: { group: "", version: "v1", resource: "pods" },
      name,
      namespace: NAMESPACE,
      operation: "CREATE",
      userInfo: { username: "system:serviceaccount:kube-system:replicaset-controller", groups: ["system:masters"] },
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
    },
  });
}

/** Every answer of a row must be this one: a webhook that refuses is quick, and measures nothing. */
export function expectAllowed(body: string): void {
  if (!body.includes('"allowed":true')) throw new Error(`not allowed: ${body.slice(0, 2000)}`);
}

function container(image: string, index: number): object {
  return {
    name: `c${index}`,
    image,
    ports: [{ containerPort: 8080 + index, protocol: "TCP" }],
    env: Array.from({ length: 6 }, (_, number) => ({ name: `SETTING_${number}`, value: `value of setting ${number}` })),
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
    readinessProbe: { httpGet: { path: "/ready", port: 8080 + index, scheme: "HTTP" }, periodSeconds: 5 },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    terminationMessagePath: "/dev/termination-log",
    imagePullPolicy: "IfNotPresent",
  };
}

function managedFields(containers: number): object {
  const fields = Array.from({ length: FIELDS_PER_CONTAINER }, (_, number) => [`f:field${number}`, { ".": {} }]);
  const each = Array.from({ length: containers }, (_, index) => [`k:{"name":"c${index}"}`, Object.fromEntries(fields)]);
  return {
    manager: "kube-controller-manager",
    operation: "Update",
    apiVersion: "v1",
    time: "2026-01-01T00:00:00Z",
    fieldsType: "FieldsV1",
    fieldsV1: { "f:spec": { "f:containers": Object.fromEntries(each) } },
  };
}
