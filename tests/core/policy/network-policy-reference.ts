import type {
  NetworkPolicyEgressRule,
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from "kubernetes-types/networking/v1.d.ts";

/**
 * NetworkPolicy said a second time, as plainly as the documentation says it and sharing nothing with the product:
 * from the objects straight to yes or no, addresses as bit strings, no compile step.
 * @see https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export interface ReferencePod {
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string;
  readonly hostNetwork: boolean;
  readonly hostIp?: string;
  readonly ports: readonly { name: string; number: number; protocol: "TCP" | "UDP" | "SCTP" }[];
}

export interface ReferenceWorld {
  readonly pods: readonly ReferencePod[];
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly policies: readonly { readonly namespace: string; readonly spec: NetworkPolicySpec }[];
}

export interface Question {
  readonly pod: ReferencePod;
  readonly direction: "ingress" | "egress";
  /** The pod at the other end, if a certificate proved one. */
  readonly peer?: ReferencePod;
  readonly ip: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: number;
}

export function referenceAllows(world: ReferenceWorld, question: Question): boolean {
  const { pod, direction, peer, ip } = question;
  if (pod.hostNetwork) return true;
  const selecting = world.policies.filter((policy) => {
    if (policy.namespace !== pod.namespace) return false;
    if (!typesOf(policy.spec).includes(direction)) return false;
    return labelsMatch(policy.spec.podSelector, pod.labels);
  });
  if (selecting.length === 0) return true;
  if (peer !== undefined && peer.uid === pod.uid) return true;
  if (pod.hostIp !== undefined && bits(pod.hostIp) === bits(ip)) return true;
  for (const { namespace, spec } of selecting) {
    const rules: (NetworkPolicyIngressRule & NetworkPolicyEgressRule)[] =
      (direction === "ingress" ? spec.ingress : spec.egress) ?? [];
    for (const rule of rules) {
      const peers = (direction === "ingress" ? rule.from : rule.to) ?? [];
      const peerFits = peers.length === 0 || peers.some((p) => peerMatches(p, namespace, world, question));
      const ports = rule.ports ?? [];
      const portFits = ports.length === 0 || ports.some((p) => portMatches(p, question));
      if (peerFits && portFits) return true;
    }
  }
  return false;
}

function typesOf({ policyTypes, egress }: NetworkPolicySpec): string[] {
  if (policyTypes !== undefined && policyTypes.length > 0) return policyTypes.map((type) => type.toLowerCase());
  return egress !== undefined && egress.length > 0 ? ["ingress", "egress"] : ["ingress"];
}

function peerMatches(
  peer: NetworkPolicyPeer,
  policyNamespace: string,
  world: ReferenceWorld,
  { peer: other, ip }: Question,
): boolean {
  if (peer.ipBlock !== undefined) {
    return within(peer.ipBlock.cidr, ip) && !(peer.ipBlock.except ?? []).some((except) => within(except, ip));
  }
  if (other === undefined || other.hostNetwork) return false;
  if (peer.namespaceSelector === undefined) {
    return other.namespace === policyNamespace && labelsMatch(peer.podSelector, other.labels);
  }
  const labels = { ...world.namespaces[other.namespace], "kubernetes.io/metadata.name": other.namespace };
  return labelsMatch(peer.namespaceSelector, labels) && labelsMatch(peer.podSelector, other.labels);
}

function portMatches(written: NetworkPolicyPort, { pod, direction, peer, protocol, port }: Question): boolean {
  if ((written.protocol ?? "TCP") !== protocol) return false;
  if (written.port === undefined) return true;
  if (typeof written.port === "number") return port >= written.port && port <= (written.endPort ?? written.port);
  const owner = direction === "ingress" ? pod : peer;
  return (owner?.ports ?? []).some((p) => p.name === written.port && p.protocol === protocol && p.number === port);
}

function labelsMatch(
  selector: NetworkPolicyPeer["podSelector"] | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const has = key in labels;
    const listed = has && values.includes(labels[key] ?? "");
    if (operator === "In" && !listed) return false;
    if (operator === "NotIn" && listed) return false;
    if (operator === "Exists" && !has) return false;
    if (operator === "DoesNotExist" && has) return false;
  }
  return true;
}

function within(cidr: string, ip: string): boolean {
  const [network = "", length = ""] = cidr.split("/");
  const [outer, inner] = [bits(network), bits(ip)];
  return outer.length === inner.length && outer.slice(0, Number(length)) === inner.slice(0, Number(length));
}

/** An address as a string of 32 or 128 zeros and ones; only the forms these tests write. */
function bits(ip: string): string {
  if (ip.includes(".")) return [...ip.split(".")].map((part) => Number(part).toString(2).padStart(8, "0")).join("");
  const [head = "", tail] = ip.split("::");
  const groups = (text: string) => text.split(":").filter((group) => group !== "");
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, "0"))
    .join("");
}
