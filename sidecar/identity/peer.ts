import type { VerifiedPeer } from "../../core/identity/verify.ts";
import type { InForce } from "../control/snapshots.ts";

/** Who is at the other end of a connection, as far as it was proven. */
export interface Peer {
  readonly ip: string;
  /** From a verified certificate; absent for plain text. */
  readonly spiffeId?: string;
  /** The pod that may be matched by podSelectors. */
  readonly podUid?: string;
  /** When its certificate ends. */
  readonly notAfterMs?: number;
}

/**
 * The peer of a verified certificate. A certificate without a pod uid (SPIRE, files) counts as a pod only when its
 * source address belongs to exactly one pod and that pod's service account is the one proven; with a uid, the pod
 * known under it must have that service account. Otherwise it matches no podSelector.
 */
export function meshedPeer(verified: VerifiedPeer, ip: string, inForce: InForce | undefined): Peer {
  const { spiffeId, notAfterMs } = verified;
  const uid = verified.podUid ?? onlyPodAt(ip, inForce);
  const known = uid === undefined ? undefined : inForce?.snapshot.peers[uid];
  const contradicted = known !== undefined && known.spiffeId !== spiffeId;
  const isPod = uid !== undefined && !contradicted && (known !== undefined || verified.podUid !== undefined);
  return isPod ? { ip, spiffeId, podUid: uid, notAfterMs } : { ip, spiffeId, notAfterMs };
}

function onlyPodAt(ip: string, inForce: InForce | undefined): string | undefined {
  const uids = inForce?.uidsByIp.get(ip) ?? [];
  return uids.length === 1 ? uids[0] : undefined;
}

/** What metrics call the peer: its service, or "unknown" when it proved no pod of the snapshot. */
export function peerService(peer: Peer, inForce: InForce | undefined): string {
  const known = peer.podUid === undefined ? undefined : inForce?.snapshot.peers[peer.podUid];
  return known?.service ?? "unknown";
}

/** IPv4 addresses as IPv4, also when a dual-stack socket writes them ::ffff:10.0.0.1. */
export function plainIp(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
}
