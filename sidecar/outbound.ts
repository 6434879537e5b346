import { CodedError } from "../core/base/errors.ts";
import type { Endpoint, OutboundService } from "../core/policy/snapshot.ts";
import { allowedEndpoints, judgeEgress, requireAllowed, requireInForce } from "./authorize.ts";
import type { Load } from "./balance.ts";
import type { Received } from "./connections/serve.ts";
import type { InForce } from "./control/snapshots.ts";
import { detectRequest, type Forwardable } from "./detect.ts";
import { PolicyDenied } from "./errors.ts";
import { forward, type Linked } from "./forward.ts";
import { peerService } from "./identity/peer.ts";
import { DIAL_ATTEMPTS } from "./limits.ts";
import { type Link, linkTo } from "./link.ts";
import type { Parts } from "./parts.ts";
import { findService } from "./route.ts";

/** A request with the service its Host names. */
export interface Routed extends Forwardable {
  readonly inForce: InForce;
  readonly service: OutboundService;
}

/** A request with the endpoints egress policy leaves; never none. */
export interface Permitted extends Routed {
  readonly endpoints: readonly Endpoint[];
}

/** A request with the endpoint it goes to. */
export interface Balanced extends Permitted {
  readonly endpoint: Endpoint;
}

/**
 * The path of every request out of the application, top to bottom.
 *
 *   detect     a well-formed HTTP/1.1 request that asks for no tunnel
 *   route      Host names a service of the snapshot
 *   authorize  keeps the endpoints that egress policy allows; throws PolicyDenied when none is left
 *   balance    chooses one: power of two choices over response times
 *   link       an idle or new mTLS connection to exactly that pod; another endpoint when it takes none
 *   forward    sends the request and relays the response
 *
 * Any step may throw; `refuse` is the one place that turns an error into a response.
 */
export async function outbound(received: Received): Promise<void> {
  const detected = detectRequest(received);
  const routed = route(detected);
  const permitted = authorize(routed);
  const linked = await balanceAndLink(permitted);
  await measured(linked, forward);
}

function route(request: Forwardable): Routed {
  const { exchange, observed, parts } = request;
  const inForce = requireInForce(parts.snapshots.current());
  const { hostStart, hostEnd } = exchange.request;
  const service = findService(inForce, exchange.text(hostStart, hostEnd));
  observed.peer = service.name;
  return { ...request, inForce, service };
}

function authorize(routed: Routed): Permitted {
  const { service, inForce } = routed;
  const endpoints = allowedEndpoints(
    inForce,
    service.endpoints,
    `${service.name}.${service.namespace}:${service.port}`,
  );
  return { ...routed, endpoints };
}

type LinkedOut = Linked & Balanced;

/** Tries further endpoints while nothing of the request was sent. */
async function balanceAndLink(permitted: Permitted): Promise<LinkedOut> {
  const tried: Endpoint[] = [];
  for (;;) {
    const balanced = balance(permitted, tried);
    try {
      return await link(balanced);
    } catch (error) {
      if (error instanceof PolicyDenied) throw error;
      permitted.parts.balancer.failed(balanced.endpoint, performance.now());
      tried.push(balanced.endpoint);
      const last = tried.length >= Math.min(DIAL_ATTEMPTS, permitted.endpoints.length);
      if (last || !(error instanceof CodedError)) throw error;
    }
  }
}

function balance(permitted: Permitted, tried: readonly Endpoint[]): Balanced {
  const endpoint = permitted.parts.balancer.pick(permitted.endpoints, tried, performance.now());
  const { observed, inForce } = permitted;
  observed.peer = peerService({ ip: endpoint.ip, podUid: endpoint.podUid }, inForce);
  if (observed.peer === "unknown") observed.peer = permitted.service.name;
  return { ...permitted, endpoint };
}

async function link(balanced: Balanced): Promise<LinkedOut> {
  const { endpoint, parts } = balanced;
  const dial = async (fresh: boolean) => stillAllowed(endpoint, await linkTo(endpoint, parts, fresh), parts);
  return { ...balanced, link: await dial(false), relink: () => dial(true) };
}

/** A dial takes time, and a repeat comes after a cut: policy may have closed the endpoint meanwhile. @throws {PolicyDenied} */
function stillAllowed(endpoint: Endpoint, link: Link, parts: Parts): Link {
  const verdict = judgeEgress(requireInForce(parts.snapshots.current()), endpoint);
  if (!verdict.allowed) link.connection.destroy();
  requireAllowed(verdict);
  return link;
}

/** Response times and requests in flight are what `balance` chooses by. */
async function measured(linked: LinkedOut, step: (linked: LinkedOut) => Promise<void>): Promise<void> {
  const { balancer } = linked.parts;
  const load: Load = balancer.load(linked.endpoint);
  const beganMs = performance.now();
  load.pending++;
  try {
    await step(linked);
    const nowMs = performance.now();
    balancer.answered(linked.endpoint, nowMs - beganMs, nowMs);
  } finally {
    load.pending--;
  }
}
