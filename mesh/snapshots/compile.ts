import type { ClusterObjects } from "../../core/cluster/objects.ts";
import { compileNetworkPolicy } from "../../core/policy/network/network-policy-compile.ts";
import {
  type CompiledPolicy,
  type MtlsMode,
  type OutboundService,
  type Peer,
  SNAPSHOT_API_VERSION,
  type Snapshot,
} from "../../core/policy/snapshot.ts";
import { hostsFor, inboundPorts, outboundServices } from "./services.ts";
import { versionOf, type WrittenTexts } from "./version.ts";
import { type MeshPod, MTLS_ANNOTATION, meshPods, policyWorld } from "./workloads.ts";

export interface CompileOptions {
  readonly trustDomain: string;
  /** For namespaces that say nothing. */
  readonly mtls: MtlsMode;
}

/**
 * The control plane's product: the cluster's objects → one snapshot per workload, by pod uid.
 * Pure; equal objects give equal versions.
 *
 * @throws {CodedError} NET_CIDR_INVALID, ID_INVALID: the caller keeps the last good snapshots
 */
export function compile(objects: ClusterObjects, options: CompileOptions): ReadonlyMap<string, Snapshot> {
  const pods = meshPods(objects, options.trustDomain);
  const world = policyWorld(objects, pods);
  const outboundOf = outboundByNamespace(outboundServices(objects, pods));
  const peersOf = peerRecords(pods);
  const written: WrittenTexts = new WeakMap();
  const byUid = pods
    .filter((pod) => pod.meshed)
    .map((pod): [string, Snapshot] => {
      const ingress = compileNetworkPolicy(pod, "ingress", world);
      const egress = compileNetworkPolicy(pod, "egress", world);
      const outbound = outboundOf(pod.namespace);
      const content: Omit<Snapshot, "version"> = {
        apiVersion: SNAPSHOT_API_VERSION,
        workload: workloadOf(pod),
        mtls: mtlsOf(pod, objects, options),
        inbound: inboundPorts(pod, objects.services),
        ingress,
        outbound,
        egress,
        peers: peersOf(pod, ingress, egress, outbound),
      };
      return [pod.uid, { ...content, version: versionOf(content, written) }];
    });
  return new Map(byUid);
}

/** Callers of one namespace share one list: it is large, and written once for all of them. */
function outboundByNamespace(services: readonly Omit<OutboundService, "hosts">[]) {
  const lists = new Map<string, readonly OutboundService[]>();
  return (namespace: string): readonly OutboundService[] => {
    const list = lists.get(namespace) ?? services.map((s) => ({ ...s, hosts: hostsFor(s, namespace) }));
    lists.set(namespace, list);
    return list;
  };
}

function workloadOf(pod: MeshPod): Snapshot["workload"] {
  const { namespace, name, uid, serviceAccount, spiffeId, ip, labels, service } = pod;
  return { namespace, pod: name, podUid: uid, serviceAccount, spiffeId, ip, labels, service };
}

/** A word nobody knows is not taken for leave to speak in plain text. */
function mtlsOf(pod: MeshPod, { namespaces }: ClusterObjects, { mtls }: CompileOptions): MtlsMode {
  const annotations = namespaces.find(({ metadata }) => metadata.name === pod.namespace)?.metadata.annotations;
  const asked = annotations?.[MTLS_ANNOTATION];
  if (asked === undefined) return mtls;
  return asked === "permissive" ? "permissive" : "strict";
}

type PeerRecord = Readonly<Record<string, Peer>>;

/**
 * The pods a workload may meet: those its rules and endpoints speak of, its namespace (so that a refused neighbour
 * has a name), and everyone when anyone may call.
 */
function peerRecords(pods: readonly MeshPod[]) {
  const entries = pods.map((pod) => ({ pod, peer: peerOf(pod) }));
  const everyone: PeerRecord = Object.fromEntries(entries.map(({ pod, peer }) => [pod.uid, peer]));
  return (
    pod: MeshPod,
    ingress: CompiledPolicy,
    egress: CompiledPolicy,
    outbound: readonly OutboundService[],
  ): PeerRecord => {
    if (!ingress.isolated || ingress.rules.some((rule) => rule.peers === undefined)) return everyone;
    const spoken = new Set([
      ...[...ingress.rules, ...egress.rules].flatMap((rule) => rule.peers?.podUids ?? []),
      ...outbound.flatMap((service) => service.endpoints.map((endpoint) => endpoint.podUid)),
    ]);
    const met = entries.filter(({ pod: { namespace, uid } }) => namespace === pod.namespace || spoken.has(uid));
    return Object.fromEntries(met.map(({ pod: { uid }, peer }) => [uid, peer]));
  };
}

function peerOf({ namespace, name, serviceAccount, spiffeId, ip, service }: MeshPod): Peer {
  return { namespace, pod: name, serviceAccount, spiffeId, ip, service };
}
