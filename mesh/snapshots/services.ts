import type { ServicePort } from "kubernetes-types/core/v1.d.ts";
import type { ClusterObjects, EndpointSlice, Service } from "../../core/cluster/objects.ts";
import { canonicalAddress } from "../../core/policy/network/cidr.ts";
import { selects } from "../../core/policy/network/labels.ts";
import type { Endpoint, InboundPort, OutboundService } from "../../core/policy/snapshot.ts";
import { hasSelector, type MeshPod } from "./workloads.ts";

const SERVICE_LABEL = "kubernetes.io/service-name";

/** Every TCP port of every Service with its ready endpoints, except hosts: those depend on who asks. */
export function outboundServices(
  objects: ClusterObjects,
  pods: readonly MeshPod[],
): readonly Omit<OutboundService, "hosts">[] {
  const podAt = podsByAddress(pods);
  const services = objects.services.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  return services.flatMap((service) =>
    tcpPorts(service).map((port) => ({
      namespace: service.metadata.namespace,
      name: service.metadata.name,
      port: port.port,
      protocol: protocolOf(port),
      endpoints: endpointsOf(service, port, objects.endpointSlices, pods, podAt),
    })),
  );
}

const key = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`;

/** Authorities that mean a Service for a caller: the bare name only inside its namespace. */
export function hostsFor({ namespace, name }: { namespace: string; name: string }, callerNamespace: string): string[] {
  const full = [`${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`];
  return namespace === callerNamespace ? [name, ...full] : full;
}

/** The ports of a pod that peers dial: those its Services target, then those its containers declare. */
export function inboundPorts(pod: MeshPod, services: readonly Service[]): InboundPort[] {
  const byPort = new Map<number, InboundPort>();
  const selecting = services.filter((service) => targets(service, pod));
  for (const port of selecting.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)).flatMap(tcpPorts)) {
    const number = targetPortOn(pod, port);
    if (number !== undefined && !byPort.has(number)) {
      byPort.set(number, { port: number, protocol: protocolOf(port), name: port.name ?? "" });
    }
  }
  for (const { name, number, protocol } of pod.ports) {
    if (protocol === "TCP" && !byPort.has(number))
      byPort.set(number, { port: number, protocol: protocolOf({ name }), name });
  }
  return [...byPort.values()].toSorted((a, b) => a.port - b.port);
}

export function targets({ metadata, spec }: Service, pod: MeshPod): boolean {
  const selector = spec?.selector;
  return (
    metadata.namespace === pod.namespace && hasSelector(selector) && selects({ matchLabels: selector }, pod.labels)
  );
}

/** The number on this pod that a Service port means; `undefined` when the pod has no port of that name. */
export function targetPortOn(pod: MeshPod, { port, targetPort = port }: ServicePort): number | undefined {
  if (typeof targetPort === "number") return targetPort;
  return pod.ports.find((candidate) => candidate.name === targetPort && candidate.protocol === "TCP")?.number;
}

function tcpPorts({ spec }: Service): ServicePort[] {
  return (spec?.ports ?? []).filter((port) => (port.protocol ?? "TCP") === "TCP");
}

/** From appProtocol, else from the name's first word. Anything unnamed is opaque TCP: no guessing by content. */
function protocolOf({ name = "", appProtocol }: { name?: string; appProtocol?: string }): "http" | "tcp" {
  const word = appProtocol?.replace(/^kubernetes\.io\//, "") ?? name.split("-")[0] ?? "";
  return ["http", "http2", "h2c", "grpc", "ws"].includes(word.toLowerCase()) ? "http" : "tcp";
}

function endpointsOf(
  service: Service,
  port: ServicePort,
  allSlices: readonly EndpointSlice[],
  pods: readonly MeshPod[],
  podAt: ReadonlyMap<string, MeshPod>,
): readonly Endpoint[] {
  const slices = allSlices.filter(
    ({ metadata }) =>
      metadata.namespace === service.metadata.namespace && metadata.labels?.[SERVICE_LABEL] === service.metadata.name,
  );
  const endpoints = slices.length > 0 ? sliceEndpoints(slices, port, podAt) : selectedEndpoints(service, port, pods);
  return endpoints.toSorted((a, b) => (`${a.ip}:${a.port}` < `${b.ip}:${b.port}` ? -1 : 1));
}

/** Readiness that is not known counts as ready, as EndpointSlice v1 says. */
function sliceEndpoints(
  slices: readonly EndpointSlice[],
  port: ServicePort,
  podAt: ReadonlyMap<string, MeshPod>,
): Endpoint[] {
  return slices.flatMap((slice) => {
    const number = slice.ports?.find((candidate) => (candidate.name ?? "") === (port.name ?? ""))?.port;
    if (number === undefined || slice.addressType === "FQDN") return [];
    const ready = (slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false);
    return ready.map(({ addresses }) => endpointAt(addresses[0] ?? "", number, podAt));
  });
}

/** A folder need not hold what a controller would compute: without slices the selected pods are the endpoints. */
function selectedEndpoints(service: Service, port: ServicePort, pods: readonly MeshPod[]): Endpoint[] {
  return pods
    .filter((pod) => targets(service, pod))
    .flatMap((pod) => {
      const number = targetPortOn(pod, port);
      return number === undefined ? [] : [endpointOf(pod, number)];
    });
}

function endpointAt(ip: string, port: number, podAt: ReadonlyMap<string, MeshPod>): Endpoint {
  const pod = podAt.get(canonicalAddress(ip));
  return pod === undefined ? { ip, port, podUid: "", spiffeId: "" } : endpointOf(pod, port);
}

function endpointOf(pod: MeshPod, port: number): Endpoint {
  return { ip: pod.ip, port, podUid: pod.uid, spiffeId: pod.meshed ? pod.spiffeId : "" };
}

/** hostNetwork pods share an address, so it names none of them. */
function podsByAddress(pods: readonly MeshPod[]): ReadonlyMap<string, MeshPod> {
  return new Map(pods.filter((pod) => !pod.hostNetwork).map((pod) => [canonicalAddress(pod.ip), pod]));
}
