import { parseHostPort } from "../core/base/host-port.ts";
import type { OutboundService } from "../core/policy/snapshot.ts";
import type { InForce } from "./control/snapshots.ts";
import { SidecarError } from "./errors.ts";

const HTTP_PORT = 80;

/**
 * The service that an authority names. Without a port: port 80, or else the service's only port.
 *
 * @param authority  "payments", "payments.shop:8080"; case does not matter, one trailing dot neither
 * @throws {SidecarError} ROUTE_UNKNOWN naming what is known
 */
export function findService(inForce: InForce, authority: string): OutboundService {
  const parsed = parseHostPort(authority);
  const host = (parsed?.host ?? authority).toLowerCase().replace(/\.$/, "");
  const candidates = inForce.byHost.get(host) ?? [];
  if (candidates.length === 0) throw unknownHost(authority, inForce);
  const wanted = parsed?.port;
  const found =
    wanted === undefined
      ? (candidates.find(({ port }) => port === HTTP_PORT) ?? (candidates.length === 1 ? candidates[0] : undefined))
      : candidates.find(({ port }) => port === wanted);
  if (found !== undefined) return found;
  const ports = candidates.map(({ port }) => port).join(", ");
  throw new SidecarError("ROUTE_UNKNOWN", `${authority}: the service has port ${ports}; name one of them`);
}

function unknownHost(authority: string, inForce: InForce): SidecarError {
  const names = inForce.snapshot.outbound
    .slice(0, 8)
    .map(({ name, namespace, port }) => `${name}.${namespace}:${port}`);
  const known = names.length === 0 ? "none is known here" : `known: ${names.join(", ")}`;
  return new SidecarError("ROUTE_UNKNOWN", `${authority}: no such service (${known})`);
}
