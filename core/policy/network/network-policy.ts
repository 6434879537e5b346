import type { CidrPeer, CompiledPolicy, CompiledRule, PortRange } from "../snapshot.ts";
import { cidrContains, parseCidr } from "./cidr.ts";

/** Who is at the other end: the pod its certificate names, if any, and the address it is at. */
export interface ConnectionPeer {
  /** From a verified certificate. Without one a peer matches no podSelector, only ipBlock. */
  readonly podUid?: string;
  readonly ip: string;
}

export interface ConnectionPort {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly number: number;
}

export type ConnectionVerdict =
  | { readonly allowed: true; readonly rule: string; readonly source: string }
  | { readonly allowed: false; readonly rule: string; readonly message: string; readonly fix: string };

/**
 * May this peer use this port? NetworkPolicy semantics: everything while no policy isolates the pod, else only what
 * some rule allows. The data plane and `outrider explain` ask this same function.
 *
 * Runs once per connection (inbound) and once per candidate endpoint (outbound); costs one pass over the rules.
 *
 * @param policy  one direction of one pod; ingress: `peer` is the caller, egress: `peer` is the endpoint
 * @param port  the port on the pod that is dialled, never the Service's
 */
export function judgeConnection(policy: CompiledPolicy, peer: ConnectionPeer, port: ConnectionPort): ConnectionVerdict {
  const direction = policy.direction ?? "traffic";
  if (!policy.isolated) return { allowed: true, rule: `no NetworkPolicy isolates ${direction}`, source: "" };
  const rule = policy.rules.find((r) => matchesPeer(r, peer) && matchesPort(r, peer, port));
  if (rule !== undefined) return { allowed: true, rule: rule.name, source: rule.source };
  return refusal(policy, peer, port, direction);
}

function refusal(policy: CompiledPolicy, peer: ConnectionPeer, port: ConnectionPort, direction: string) {
  const rule = policy.isolatedBy.join(", ");
  const what = `${direction} on port ${port.number}/${port.protocol}`;
  return {
    allowed: false,
    rule,
    message: `${what} is isolated by ${rule} and no rule allows this peer${nearMiss(policy, peer, port)}`,
    fix: `add ${direction === "traffic" ? "a" : `an ${direction}`} rule with this peer and port ${port.number} to ${rule}`,
  } as const;
}

/** What would have matched but for one half: most refusals are a wrong port or a wrong label. */
function nearMiss(policy: CompiledPolicy, peer: ConnectionPeer, port: ConnectionPort): string {
  const rightPeer = policy.rules.find((r) => r.peers !== undefined && matchesPeer(r, peer));
  if (rightPeer !== undefined) return ` there (${rightPeer.name} allows it on ${renderPorts(rightPeer)})`;
  const rightPort = policy.rules.find(
    (r) => r.peers?.podUids.length !== 0 && matchesPort(r, peer, port) && r.source !== "",
  );
  return rightPort === undefined ? "" : ` (${rightPort.name} allows other peers)`;
}

function renderPorts(rule: CompiledRule): string {
  const ports = (rule.ports ?? []).map((p) => `${p.from === p.to ? p.from : `${p.from}-${p.to}`}/${p.protocol}`);
  return ports.length === 0 ? "no port of this pod" : `port ${ports.join(", ")} only`;
}

function matchesPeer({ peers }: CompiledRule, peer: ConnectionPeer): boolean {
  if (peers === undefined) return true;
  if (peer.podUid !== undefined && peers.podUids.includes(peer.podUid)) return true;
  return peers.cidrs.some((block) => inBlock(block, peer.ip));
}

/** A range that does not parse holds nobody: the compiler refuses such policies, this only fails closed. */
function inBlock(block: CidrPeer, ip: string): boolean {
  try {
    return cidrContains(parseCidr(block.cidr), ip) && !block.except.some((e) => cidrContains(parseCidr(e), ip));
  } catch {
    return false;
  }
}

function matchesPort({ ports }: CompiledRule, peer: ConnectionPeer, port: ConnectionPort): boolean {
  return ports === undefined || ports.some((range) => inRange(range, peer, port));
}

function inRange(range: PortRange, peer: ConnectionPeer, port: ConnectionPort): boolean {
  if (range.protocol !== port.protocol || port.number < range.from || port.number > range.to) return false;
  return range.podUids === undefined || (peer.podUid !== undefined && range.podUids.includes(peer.podUid));
}
