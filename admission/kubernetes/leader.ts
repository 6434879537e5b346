import { setTimeout as sleep } from "node:timers/promises";
import { SECOND_MS } from "../../core/base/clock.ts";
import { CodedError } from "../../core/base/errors.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import type { Log } from "../../core/base/log.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { PATHS } from "./paths.ts";

export const LEASE_NAME = "outrider-admission";
/** A leader that has not renewed for so long is replaced; it stops leading before that by itself. */
export const LEASE_SECONDS = 15;
export const LEASE_RENEW_MS = 4 * SECOND_MS;
const LEADS_FOR_MS = 10 * SECOND_MS;

interface Lease extends ApiObject {
  readonly spec?: { readonly holderIdentity?: string; readonly renewTime?: string; readonly leaseTransitions?: number };
}

/** Which replica does the work that needs doing once. Reviews need no leader. */
export interface Leadership extends Closable {
  isLeader(): boolean;
}

/**
 * Takes the Lease when nobody holds it, and keeps it. Another's is timed by our own clock from when we last saw it
 * change, because the clocks of two nodes differ.
 *
 * @param onLeading  called each time this replica begins to lead
 */
export function campaign(
  api: ApiServer,
  { namespace, identity, log }: { readonly namespace: string; readonly identity: string; readonly log: Log },
  onLeading: () => void,
): Leadership {
  const stop = new AbortController();
  let renewedMs = Number.NEGATIVE_INFINITY;
  let seen = { renewTime: "", atMs: performance.now() };
  const isLeader = () => performance.now() - renewedMs < LEADS_FOR_MS;
  const attempt = async () => {
    const lease = await readLease(api, namespace);
    const { holderIdentity: holder = "", renewTime = "" } = lease?.spec ?? {};
    if (renewTime !== seen.renewTime) seen = { renewTime, atMs: performance.now() };
    const expired = performance.now() - seen.atMs > LEASE_SECONDS * SECOND_MS;
    if (holder !== "" && holder !== identity && !expired) return;
    const startedMs = performance.now();
    await writeLease(api, namespace, identity, lease);
    const begins = !isLeader();
    renewedMs = startedMs;
    if (begins) onLeading();
  };
  const run = async () => {
    while (!stop.signal.aborted) {
      await attempt().catch((err: unknown) => {
        if (!(err instanceof CodedError && err.code === "API_CONFLICT")) log.warn({ err }, "lease not renewed");
      });
      await sleep(LEASE_RENEW_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  const running = run();
  return {
    isLeader,
    close: async () => {
      stop.abort();
      await running;
      if (isLeader()) await release(api, namespace, identity).catch(() => {});
      renewedMs = Number.NEGATIVE_INFINITY;
    },
  };
}

async function readLease(api: ApiServer, namespace: string): Promise<Lease | undefined> {
  try {
    return await api.ask<Lease>({ path: `${PATHS.leases(namespace)}/${LEASE_NAME}` });
  } catch (thrown) {
    if (thrown instanceof CodedError && thrown.code === "API_OBJECT_MISSING") return undefined;
    throw thrown;
  }
}

async function writeLease(api: ApiServer, namespace: string, holder: string, before: Lease | undefined) {
  const path = PATHS.leases(namespace);
  const now = new Date().toISOString().replace("Z", "000Z"); // MicroTime
  const { holderIdentity, leaseTransitions = 0, ...kept } = before?.spec ?? {};
  const taken = holderIdentity === holder ? {} : { acquireTime: now, leaseTransitions: leaseTransitions + 1 };
  const spec = {
    leaseTransitions,
    ...kept,
    ...taken,
    holderIdentity: holder,
    leaseDurationSeconds: LEASE_SECONDS,
    renewTime: now,
  };
  const metadata = { ...before?.metadata, name: LEASE_NAME, namespace };
  const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
  if (before === undefined) await api.ask({ method: "POST", path, body });
  else await api.ask({ method: "PUT", path: `${path}/${LEASE_NAME}`, body });
}

/** The next one need not wait for the Lease to run out. */
async function release(api: ApiServer, namespace: string, identity: string): Promise<void> {
  const lease = await readLease(api, namespace);
  if (lease?.spec?.holderIdentity === identity) await writeLease(api, namespace, "", lease);
}
