import type { Clock } from "../../core/base/clock.ts";
import { MINUTE_MS } from "../../core/base/clock.ts";
import { CodedError, messageOf } from "../../core/base/errors.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import type { Log } from "../../core/base/log.ts";
import { formatRepository, type Repository } from "../../core/images/reference.ts";
import type { Digest, ScanResult } from "../../core/policy/evidence.ts";
import { createScanQueue, SCAN_QUEUE_LIMIT } from "../../scanner/queue.ts";
import type { ScanStore } from "../../scanner/store.ts";
import type { ScanTarget } from "../../scanner/trivy.ts";

/** A scan that failed is not tried again sooner than this, in milliseconds. */
export const SCAN_RETRY_MS = MINUTE_MS;
/** Failures remembered, the oldest forgotten first. */
export const SCAN_FAILURES_KEPT = 1024;

export interface BackgroundScansOptions {
  readonly store: Pick<ScanStore, "put">;
  readonly scan: (target: ScanTarget, signal: AbortSignal) => Promise<ScanResult>;
  readonly registries: readonly { readonly host: string; readonly plainHttp: boolean }[];
  readonly clock: Clock;
  readonly log: Log;
  /** Scans that may wait. */
  readonly limit?: number;
}

/** Scans that admission asks for and never waits for: the next review finds the result in the store. */
export interface BackgroundScans extends Closable {
  /** Sees to it that this digest gets scanned. @returns what is being done about it, in words */
  want(image: Repository, digest: Digest): string;
}

export function createBackgroundScans(options: BackgroundScansOptions): BackgroundScans {
  const { store, scan, registries, clock, log, limit = SCAN_QUEUE_LIMIT } = options;
  const stop = new AbortController();
  const queue = createScanQueue({ scan: (target) => scan(target, stop.signal), limit });
  const underWay = new Set<Digest>();
  const failures = new Map<Digest, { readonly atMs: number; readonly why: string }>();
  const failed = (digest: Digest, thrown: unknown) => {
    const code = thrown instanceof CodedError ? `${thrown.code}: ` : "";
    failures.set(digest, { atMs: clock(), why: `${code}${messageOf(thrown)}` });
    const [oldest] = failures.keys();
    if (failures.size > SCAN_FAILURES_KEPT && oldest !== undefined) failures.delete(oldest);
    log.warn({ err: thrown, digest }, "background scan failed");
  };
  const start = (target: ScanTarget) => {
    underWay.add(target.digest);
    failures.delete(target.digest);
    queue
      .request(target, "admission")
      .then((result) => store.put(result))
      .catch((thrown: unknown) => failed(target.digest, thrown))
      .finally(() => underWay.delete(target.digest));
  };
  return {
    want: (image, digest) => {
      const failure = failures.get(digest);
      if (underWay.has(digest)) return QUEUED;
      if (failure !== undefined && clock() - failure.atMs < SCAN_RETRY_MS)
        return `its last scan failed: ${failure.why}`;
      if (queue.waiting >= limit) return `not queued for a scan: ${limit} are waiting already`;
      const plainHttp = registries.some((registry) => registry.plainHttp && registry.host === image.registry);
      start({ repository: formatRepository(image), digest, plainHttp });
      return QUEUED;
    },
    close: () => stop.abort(),
  };
}

const QUEUED = "scan queued, retry in a minute";
