import { setTimeout as sleep } from "node:timers/promises";
import { MINUTE_MS, SECOND_MS } from "../../core/base/clock.ts";
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
/** The leader puts right what somebody else changed this often, and tries again this soon what did not work. */
export const ROUND_MS = MINUTE_MS;
export const ROUND_RETRY_MS = SECOND_MS;

interface Lease extends ApiObject {
  readonly spec?: { readonly holderIdentity?: string; readonly renewTime?: string; readonly leaseTransitions?: number };
}

export interface Candidate {
  readonly namespace: string;
  /** This replica's own name. */
  readonly identity: string;
  readonly log: Log;
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
export function campaign(api: ApiServer, { namespace, identity, log }: Candidate, onLeading: () => void): Leadership {
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

/** The work that one replica does for all, in rounds, while it leads. */
export interface LeaderWork extends Closable {
  /** A round is wanted before its time. */
  soon(): void;
  leads(): boolean;
  /** @param round  says whether it is done; if not, or if it throws, another follows soon */
  begin(round: () => Promise<boolean>): void;
}

export function createLeaderWork(api: ApiServer, candidate: Candidate): LeaderWork {
  const stop = new AbortController();
  let wake = () => {};
  let begun: { readonly leadership: Leadership; readonly rounds: Promise<void> } | undefined;
  const attempt = (round: () => Promise<boolean>) =>
    round().catch((err: unknown) => {
      candidate.log.error({ err }, "the webhook is not registered as it should be");
      return false;
    });
  const runRounds = async (round: () => Promise<boolean>, isLeader: () => boolean) => {
    while (!stop.signal.aborted) {
      const asked = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const waitMs = !isLeader() || (await attempt(round)) ? ROUND_MS : ROUND_RETRY_MS;
      const waited = new AbortController();
      const options = { signal: AbortSignal.any([stop.signal, waited.signal]), ref: false };
      await Promise.race([asked, sleep(waitMs, undefined, options).catch(() => {})]);
      waited.abort();
    }
  };
  return {
    soon: () => wake(),
    leads: () => begun?.leadership.isLeader() === true,
    begin: (round) => {
      const leadership = campaign(api, candidate, () => wake());
      begun = { leadership, rounds: runRounds(round, leadership.isLeader) };
    },
    close: async () => {
      stop.abort();
      wake();
      await begun?.rounds;
      await begun?.leadership.close();
    },
  };
}
