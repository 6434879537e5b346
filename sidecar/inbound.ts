import type { HostPort } from "../core/base/host-port.ts";
import { judgeIngress, requireAllowed, requireInForce } from "./authorize.ts";
import type { Accepted } from "./connections/connections.ts";
import { serve, serveRefusals } from "./connections/serve.ts";
import { detect, detectRequest } from "./detect.ts";
import { forward } from "./forward.ts";
import { linkToApp } from "./link.ts";
import { type Identified, mtls, type Terminator } from "./mtls.ts";
import type { Parts } from "./parts.ts";
import { countUnidentified } from "./refuse.ts";

/** An identified connection that policy lets in. */
export interface Permitted extends Identified {
  readonly allowed: true;
}

/**
 * The path of every connection into the application, top to bottom.
 *
 *   detect     sees the first byte: TLS or plain text; nothing is consumed
 *   mtls       terminates TLS 1.3, learns who is calling from the certificate; plain text passes in permissive mode only
 *   authorize  asks the NetworkPolicy in force; throws PolicyDenied naming the rule
 *   forward    relays each request to the application until either side closes
 *
 * Any step may throw: each request on the connection is then answered by `refuse`, the one place that turns an error
 * into a response; a connection that ended in its handshake has no reader. A policy change closes the connection, so that its peer is judged anew.
 */
export async function inbound(accepted: Accepted, app: HostPort, terminator: Terminator, parts: Parts): Promise<void> {
  try {
    const detected = await detect(accepted);
    const identified = await mtls(detected, terminator, parts);
    const permitted = authorize(identified, parts);
    forwardAll(permitted, app, parts);
  } catch (error) {
    if (accepted.peer === undefined) countUnidentified(error, accepted, parts);
    serveRefusals(accepted, parts, error);
  }
}

function authorize(identified: Identified, parts: Parts): Permitted {
  identified.allowed = false;
  const inForce = requireInForce(parts.snapshots.current());
  const verdict = judgeIngress(inForce, identified.peer, identified.port);
  identified.allowed = verdict.allowed;
  requireAllowed(verdict);
  return Object.assign(identified, { allowed: true as const });
}

function forwardAll(permitted: Permitted, app: HostPort, parts: Parts): void {
  serve(permitted, parts, async (received) => {
    const request = detectRequest(received);
    const link = await linkToApp(app, parts);
    await forward({ ...request, link, relink: () => linkToApp(app, parts, true) });
  });
}
