import type { ClusterObjects, Pod } from "../../core/cluster/objects.ts";
import { workloadId } from "../../core/identity/spiffe-id.ts";
import { type Labels, selects } from "../../core/policy/network/labels.ts";
import type { PolicyPod, PolicyWorld } from "../../core/policy/network/network-policy-compile.ts";
import type { PortRange } from "../../core/policy/snapshot.ts";

/** A running pod as the mesh sees it. */
export interface MeshPod extends PolicyPod {
  readonly name: string;
  readonly serviceAccount: string;
  readonly spiffeId: string;
  readonly ip: string;
  /** What metrics call it: the first Service that selects it, or its app label, or its name. */
  readonly service: string;
  /** Whether a sidecar answers for it: everything but hostNetwork pods and those annotated out. */
  readonly meshed: boolean;
}

/** Pods and namespaces annotated `disabled` have no sidecar: they are dialled in plain text and are peers by address. */
export const MESH_ANNOTATION = "outrider.dev/mesh";
/** On a namespace: strict or permissive. */
export const MTLS_ANNOTATION = "outrider.dev/mtls";

/** Every pod that has an address and is not finished, in the order of their uids. */
export function meshPods(objects: ClusterObjects, trustDomain: string): readonly MeshPod[] {
  const live = objects.pods.filter((pod) => pod.status?.podIP && !isFinished(pod));
  const disabled = new Set(
    objects.namespaces.filter((n) => isDisabled(n.metadata.annotations)).map((n) => n.metadata.name),
  );
  return live
    .map((pod) => meshPod(pod, objects, trustDomain, disabled.has(pod.metadata.namespace)))
    .toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

function isDisabled(annotations: Labels | undefined): boolean {
  return annotations?.[MESH_ANNOTATION] === "disabled";
}

function meshPod(pod: Pod, objects: ClusterObjects, trustDomain: string, namespaceDisabled: boolean): MeshPod {
  const { metadata, spec, status } = pod;
  const serviceAccount = spec.serviceAccountName || "default";
  const hostNetwork = spec.hostNetwork ?? false;
  return {
    uid: podUidOf(pod),
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels ?? {},
    serviceAccount,
    spiffeId: workloadId(trustDomain, metadata.namespace, serviceAccount),
    ip: status?.podIP ?? "",
    hostNetwork,
    ...(status?.hostIP === undefined ? {} : { hostIp: status.hostIP }),
    ports: containerPorts(pod),
    service: serviceNameOf(pod, objects),
    meshed: !hostNetwork && !namespaceDisabled && !isDisabled(metadata.annotations),
  };
}

/** A manifest written by hand has no uid: its name stands in, which no certificate can name by accident. */
export function podUidOf({ metadata }: Pod): string {
  return metadata.uid ?? `${metadata.namespace}/${metadata.name}`;
}

/** Native sidecars declare ports too. */
function containerPorts({ spec }: Pod): MeshPod["ports"] {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  return containers
    .flatMap((container) => container.ports ?? [])
    .map(({ name = "", containerPort, protocol = "TCP" }) => ({
      name,
      number: containerPort,
      protocol: protocol as PortRange["protocol"],
    }));
}

function serviceNameOf({ metadata }: Pod, { services }: ClusterObjects): string {
  const labels = metadata.labels ?? {};
  const names = services
    .filter((service) => service.metadata.namespace === metadata.namespace)
    .filter((service) => hasSelector(service.spec?.selector) && selects({ matchLabels: service.spec.selector }, labels))
    .map((service) => service.metadata.name);
  return names.toSorted()[0] ?? labels["app.kubernetes.io/name"] ?? labels["app"] ?? metadata.name;
}

/** A Service without a selector selects nothing; an empty selector too. */
export function hasSelector(selector: Labels | undefined): selector is Labels {
  return selector !== undefined && Object.keys(selector).length > 0;
}

/** What NetworkPolicy ranges over. A namespace that no manifest declares still has its name as a label. */
export function policyWorld(objects: ClusterObjects, pods: readonly PolicyPod[]): PolicyWorld {
  const declared = new Map(objects.namespaces.map((n) => [n.metadata.name, n.metadata.labels ?? {}]));
  const names = new Set([...declared.keys(), ...pods.map((pod) => pod.namespace)]);
  return {
    pods,
    namespaceLabels: new Map(
      [...names].map((name) => [name, { ...declared.get(name), "kubernetes.io/metadata.name": name }]),
    ),
    policies: objects.networkPolicies.map(({ metadata, spec, source, ruleSources }) => ({
      name: metadata.name,
      namespace: metadata.namespace,
      spec,
      source,
      ruleSources,
    })),
  };
}
