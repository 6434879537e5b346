import { type ConnectionVerdict, judgeConnection } from "../core/policy/network/network-policy.ts";
import type { Endpoint } from "../core/policy/snapshot.ts";
import { isMeshPort, MESH_PORTS } from "../core/wire/probe-table.ts";
import type { InForce } from "./control/snapshots.ts";
import { PolicyDenied, SidecarError } from "./errors.ts";
import type { Peer } from "./identity/peer.ts";

/**
 * May this peer use this port of ours? Asked per connection, and again for open ones when the snapshot changes.
 * A pod may always call itself. `explain` answers from here too.
 */
export function judgeIngress(inForce: InForce, peer: Peer, port: number): ConnectionVerdict {
  const { workload, ingress } = inForce.snapshot;
  if (peer.podUid === workload.podUid) return { allowed: true, rule: "a pod may call itself", source: "" };
  return judgeConnection(ingress, peer, { protocol: "TCP", number: port });
}

const MESH_PORT_REFUSED: ConnectionVerdict = {
  allowed: false,
  rule: "ports of the mesh itself",
  message: `ports ${MESH_PORTS.from} to ${MESH_PORTS.to} belong to sidecars and are never an upstream`,
  fix: "give the Service another targetPort",
};

/** May we use this endpoint? Asked per candidate, before balancing. */
export function judgeEgress(inForce: InForce, endpoint: Endpoint): ConnectionVerdict {
  const { workload, egress } = inForce.snapshot;
  if (isMeshPort(endpoint.port)) return MESH_PORT_REFUSED;
  if (endpoint.podUid === workload.podUid) return { allowed: true, rule: "a pod may call itself", source: "" };
  const peer = endpoint.podUid === "" ? { ip: endpoint.ip } : { ip: endpoint.ip, podUid: endpoint.podUid };
  return judgeConnection(egress, peer, { protocol: "TCP", number: endpoint.port });
}

/** @throws {SidecarError} NO_SNAPSHOT: without a policy nothing is allowed */
export function requireInForce(inForce: InForce | undefined): InForce {
  if (inForce === undefined) throw new SidecarError("NO_SNAPSHOT");
  return inForce;
}

/** @throws {PolicyDenied} naming the rule */
export function requireAllowed(verdict: ConnectionVerdict): void {
  if (!verdict.allowed) throw new PolicyDenied(verdict);
}

/** The endpoints egress policy leaves. @throws {PolicyDenied} when it leaves none of several, {SidecarError} NO_ENDPOINT */
export function allowedEndpoints(
  inForce: InForce,
  endpoints: readonly Endpoint[],
  service: string,
): readonly Endpoint[] {
  if (endpoints.length === 0) throw new SidecarError("NO_ENDPOINT", `${service}: no ready endpoint`);
  const verdicts = endpoints.map((endpoint) => ({ endpoint, verdict: judgeEgress(inForce, endpoint) }));
  const allowed = verdicts.filter(({ verdict }) => verdict.allowed).map(({ endpoint }) => endpoint);
  const [first] = verdicts;
  if (allowed.length === 0 && first !== undefined) requireAllowed(first.verdict);
  return allowed;
}
