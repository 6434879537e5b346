import type {
  NetworkPolicyEgressRule,
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from "kubernetes-types/networking/v1.d.ts";
import type { CidrPeer, CompiledPolicy, CompiledRule, PortRange } from "../snapshot.ts";
import { cidrCovers, cidrInvalid, parseCidr } from "./cidr.ts";
import { type LabelSelector, type Labels, selects } from "./labels.ts";

export type Direction = "ingress" | "egress";

/** What NetworkPolicy asks of a pod. */
export interface PolicyPod {
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** hostNetwork pods share their node's address: no podSelector means them. */
  readonly hostNetwork: boolean;
  /** The node's address, when known: traffic with a pod's own node is always allowed. */
  readonly hostIp?: string;
  readonly ports: readonly {
    readonly name: string;
    readonly number: number;
    readonly protocol: PortRange["protocol"];
  }[];
}

/** One NetworkPolicy with the positions that refusals name. */
export interface PolicyObject {
  readonly name: string;
  readonly namespace: string;
  readonly source: string;
  readonly spec: NetworkPolicySpec;
  readonly ruleSources: Readonly<Record<Direction, readonly string[]>>;
}

/** All that a policy's selectors range over. */
export interface PolicyWorld {
  readonly pods: readonly PolicyPod[];
  /** By namespace; each holds kubernetes.io/metadata.name. */
  readonly namespaceLabels: ReadonlyMap<string, Labels>;
  readonly policies: readonly PolicyObject[];
}

/**
 * One pod's NetworkPolicy in one direction, selectors resolved to pod uids and port names to numbers.
 * Rules of several policies add up; the order never matters. Runs once per pod and change of the cluster.
 *
 * @throws {CodedError} NET_CIDR_INVALID
 * @see https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
 */
export function compileNetworkPolicy(pod: PolicyPod, direction: Direction, world: PolicyWorld): CompiledPolicy {
  const policies = world.policies
    .filter((policy) => !pod.hostNetwork && policy.namespace === pod.namespace)
    .filter(({ spec }) => affects(spec, direction) && selects(spec.podSelector ?? {}, pod.labels))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (policies.length === 0) return { direction, isolated: false, isolatedBy: [], rules: [] };
  const rules = policies.flatMap((policy) => compileRules(policy, direction, pod, world));
  return { direction, isolated: true, isolatedBy: policies.map(titleOf), rules: [...alwaysAllowed(pod), ...rules] };
}

const titleOf = ({ namespace, name }: PolicyObject): string => `NetworkPolicy ${namespace}/${name}`;

/** Without policyTypes a policy affects ingress, and egress only if it has egress rules. */
function affects({ policyTypes, egress }: NetworkPolicySpec, direction: Direction): boolean {
  if (policyTypes !== undefined && policyTypes.length > 0) {
    return policyTypes.includes(direction === "ingress" ? "Ingress" : "Egress");
  }
  return direction === "ingress" || (egress ?? []).length > 0;
}

/** A pod may always talk with itself and with its node, whatever isolates it. */
function alwaysAllowed(pod: PolicyPod): CompiledRule[] {
  const itself = { name: "a pod and itself", source: "", peers: { podUids: [pod.uid], cidrs: [] } };
  if (pod.hostIp === undefined) return [itself];
  const cidr = `${pod.hostIp}/${pod.hostIp.includes(":") ? 128 : 32}`;
  return [itself, { name: "a pod and its node", source: "", peers: { podUids: [], cidrs: [{ cidr, except: [] }] } }];
}

function compileRules(policy: PolicyObject, direction: Direction, pod: PolicyPod, world: PolicyWorld): CompiledRule[] {
  const rules: (NetworkPolicyIngressRule & NetworkPolicyEgressRule)[] = policy.spec[direction] ?? [];
  return rules.map((rule, index) => {
    const written = direction === "ingress" ? rule.from : rule.to;
    const peers = isEmpty(written) ? undefined : resolvePeers(written, policy, world);
    const ports = isEmpty(rule.ports)
      ? undefined
      : rule.ports.flatMap((port) => resolvePort(port, direction, pod, world));
    return {
      name: `${titleOf(policy)} ${direction}[${index}]`,
      source: policy.ruleSources[direction][index] ?? policy.source,
      ...(peers === undefined ? {} : { peers }),
      ...(ports === undefined ? {} : { ports }),
    };
  });
}

/** An absent list and an empty one both mean "any". */
function isEmpty<T>(list: readonly T[] | undefined): list is undefined {
  return list === undefined || list.length === 0;
}

function resolvePeers(
  peers: readonly NetworkPolicyPeer[],
  policy: PolicyObject,
  world: PolicyWorld,
): NonNullable<CompiledRule["peers"]> {
  const selected = world.pods.filter(
    (pod) => !pod.hostNetwork && peers.some((peer) => isMeant(peer, pod, policy, world)),
  );
  const cidrs = peers.flatMap(({ ipBlock }) =>
    ipBlock === undefined ? [] : [checkedBlock(ipBlock.cidr, ipBlock.except)],
  );
  return { podUids: selected.map((pod) => pod.uid).toSorted(), cidrs };
}

/** podSelector alone ranges over the policy's own namespace; with namespaceSelector over the namespaces it selects. */
function isMeant(peer: NetworkPolicyPeer, pod: PolicyPod, policy: PolicyObject, world: PolicyWorld): boolean {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (ipBlock !== undefined || (podSelector === undefined && namespaceSelector === undefined)) return false;
  const inNamespace =
    namespaceSelector === undefined
      ? pod.namespace === policy.namespace
      : selects(namespaceSelector as LabelSelector, world.namespaceLabels.get(pod.namespace) ?? {});
  return inNamespace && selects((podSelector ?? {}) as LabelSelector, pod.labels);
}

function checkedBlock(cidr: string, except: readonly string[] = []): CidrPeer {
  const outer = parseCidr(cidr);
  const outside = except.find((inner) => !cidrCovers(outer, parseCidr(inner)));
  if (outside !== undefined) throw cidrInvalid(`${outside}: except lies outside ${cidr}`);
  return { cidr, except };
}

const ALL_PORTS = { from: 0, to: 65_535 } as const;

function resolvePort(
  written: NetworkPolicyPort,
  direction: Direction,
  pod: PolicyPod,
  world: PolicyWorld,
): PortRange[] {
  const protocol = (written.protocol ?? "TCP") as PortRange["protocol"];
  const { port, endPort } = written;
  if (port === undefined) return [{ protocol, ...ALL_PORTS }];
  if (typeof port === "number") return [{ protocol, from: port, to: endPort ?? port }];
  return direction === "ingress"
    ? namedPorts(pod, port, protocol).map((number) => ({ protocol, from: number, to: number }))
    : namedEgressPorts(world, port, protocol);
}

function namedPorts(pod: PolicyPod, name: string, protocol: PortRange["protocol"]): number[] {
  return pod.ports.filter((p) => p.name === name && p.protocol === protocol).map((p) => p.number);
}

/** A name towards others means each destination pod's own port of that name. */
function namedEgressPorts(world: PolicyWorld, name: string, protocol: PortRange["protocol"]): PortRange[] {
  const uidsByNumber = new Map<number, string[]>();
  for (const pod of world.pods) {
    for (const number of namedPorts(pod, name, protocol)) {
      uidsByNumber.set(number, [...(uidsByNumber.get(number) ?? []), pod.uid]);
    }
  }
  const byNumber = [...uidsByNumber].toSorted(([a], [b]) => a - b);
  return byNumber.map(([number, uids]) => ({ protocol, from: number, to: number, podUids: uids.toSorted() }));
}
