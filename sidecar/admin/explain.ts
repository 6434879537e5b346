import { z } from "zod";
import type { ConnectionVerdict } from "../../core/policy/network/network-policy.ts";
import { judgeEgress, judgeIngress, requireInForce } from "../authorize.ts";
import type { InForce, Snapshots } from "../control/snapshots.ts";
import { SidecarError } from "../errors.ts";
import type { Peer } from "../identity/peer.ts";
import { findService } from "../route.ts";

const question = z.discriminatedUnion("direction", [
  z.strictObject({
    direction: z.literal("inbound"),
    peer: z.strictObject({ podUid: z.string().optional(), ip: z.string().optional() }),
    port: z.int().min(1).max(65_535),
  }),
  z.strictObject({ direction: z.literal("outbound"), host: z.string().min(1) }),
]);

export type ExplainQuestion = z.output<typeof question>;

/** What the data path would do now, from the same evaluator and the snapshot in force. */
export interface Explanation {
  readonly snapshot: string;
  /** Inbound: one. Outbound: one per endpoint. */
  readonly verdicts: readonly { readonly about: string; readonly verdict: ConnectionVerdict }[];
}

/** @throws {SidecarError} ADMIN_REQUEST_INVALID, NO_SNAPSHOT, ROUTE_UNKNOWN */
export function explain(body: unknown, snapshots: Snapshots): Explanation {
  const parsed = question.safeParse(body);
  if (!parsed.success) {
    const fields = 'expected {"direction":"inbound","peer":{"podUid"|"ip"},"port"} or {"direction":"outbound","host"}';
    throw new SidecarError("ADMIN_REQUEST_INVALID", fields, { cause: parsed.error });
  }
  const inForce = requireInForce(snapshots.current());
  const verdicts = parsed.data.direction === "inbound" ? inbound(parsed.data, inForce) : outbound(parsed.data, inForce);
  return { snapshot: inForce.snapshot.version, verdicts };
}

function inbound({ peer, port }: Extract<ExplainQuestion, { direction: "inbound" }>, inForce: InForce) {
  const known = peer.podUid === undefined ? undefined : inForce.snapshot.peers[peer.podUid];
  const ip = peer.ip ?? known?.ip ?? "";
  const asked: Peer = peer.podUid === undefined ? { ip } : { ip, podUid: peer.podUid };
  const about = `${known === undefined ? (peer.podUid ?? ip) : `${known.namespace}/${known.pod}`} on port ${port}`;
  return [{ about, verdict: judgeIngress(inForce, asked, port) }];
}

function outbound({ host }: Extract<ExplainQuestion, { direction: "outbound" }>, inForce: InForce) {
  return findService(inForce, host).endpoints.map((endpoint) => {
    const about = `${endpoint.podUid === "" ? "external" : endpoint.podUid} at ${endpoint.ip}:${endpoint.port}`;
    return { about, verdict: judgeEgress(inForce, endpoint) };
  });
}
