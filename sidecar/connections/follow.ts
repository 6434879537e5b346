import { judgeEgress, judgeIngress } from "../authorize.ts";
import { endpointKey } from "../balance.ts";
import type { InForce } from "../control/snapshots.ts";
import { endpointOfKey, linkKey } from "../link.ts";
import type { Parts } from "../parts.ts";

/** Holds open connections to what is in force: a new snapshot cuts what it no longer allows, a new certificate retires idle links. */
export function followChanges(parts: Parts): void {
  parts.snapshots.onChange((inForce) => {
    recheckInbound(inForce, parts);
    recheckLinks(inForce, parts);
  });
  parts.identity.onChange(() => {
    const { serial } = parts.identity.svid();
    parts.links.retire((key) => key.endsWith(` ${serial}`));
  });
}

/** No longer allowed: cut. Allowed only now: closed after its answer, so that the peer dials anew. */
function recheckInbound(inForce: InForce, { connections }: Parts): void {
  for (const { direction, peer, port, allowed, socket, server } of connections.all()) {
    if (direction !== "inbound" || allowed === undefined || peer === undefined) continue;
    const plainNow = peer.spiffeId === undefined && inForce.snapshot.mtls === "strict";
    const allowedNow = !plainNow && judgeIngress(inForce, peer, port).allowed;
    if (allowed && !allowedNow) socket.destroy();
    else if (allowed !== allowedNow) server?.closeSoon();
  }
}

/** Links to endpoints that are gone finish their request; links that egress policy forbids are cut. */
function recheckLinks(inForce: InForce, { links, balancer }: Parts): void {
  const endpoints = inForce.snapshot.outbound.flatMap((service) => service.endpoints);
  const forbidden = endpoints.filter((endpoint) => !judgeEgress(inForce, endpoint).allowed);
  const known = new Set(endpoints.map((endpoint) => endpointOfKey(linkKey(endpoint, ""))));
  const cut = new Set(forbidden.map((endpoint) => endpointOfKey(linkKey(endpoint, ""))));
  links.cut((key) => !cut.has(endpointOfKey(key)));
  links.retire((key) => known.has(endpointOfKey(key)));
  balancer.keep(new Set(endpoints.map(endpointKey)));
}
