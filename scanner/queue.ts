import { CodedError } from "../core/base/errors.ts";
import type { Digest, ScanResult } from "../core/policy/evidence.ts";
import { SCANNER_ERRORS } from "./errors.ts";
import type { ScanTarget } from "./trivy.ts";

/** Scans that may wait; each is a reference and a promise. */
export const SCAN_QUEUE_LIMIT = 1000;
/** Scans that run at once; trivy uses every core it finds. */
export const SCAN_CONCURRENCY = 1;

/** Who waits, the most urgent first. */
export const SCAN_PRIORITIES = ["admission", "requested", "rescan"] as const;
export type ScanPriority = (typeof SCAN_PRIORITIES)[number];

export interface ScanQueueOptions {
  readonly scan: (target: ScanTarget) => Promise<ScanResult>;
  readonly limit?: number;
  readonly concurrency?: number;
}

export interface ScanQueue {
  /**
   * A scan of one digest. Asked for again while it waits or runs, it is the same scan, at the more urgent priority.
   *
   * @throws {CodedError} SCAN_QUEUE_FULL, and whatever the scan throws
   */
  request(target: ScanTarget, priority: ScanPriority): Promise<ScanResult>;
  readonly waiting: number;
}

interface Waiting {
  readonly target: ScanTarget;
  rank: number;
  readonly start: () => void;
  readonly result: Promise<ScanResult>;
}

/** Scans one after the other, the most urgent first, each digest once. */
export function createScanQueue(options: ScanQueueOptions): ScanQueue {
  const { scan, limit = SCAN_QUEUE_LIMIT, concurrency = SCAN_CONCURRENCY } = options;
  const waiting: Waiting[] = [];
  const underWay = new Map<Digest, Promise<ScanResult>>();
  const next = () => {
    if (underWay.size >= concurrency) return;
    waiting.sort((a, b) => a.rank - b.rank);
    const first = waiting.shift();
    if (first === undefined) return;
    const { digest } = first.target;
    underWay.set(digest, first.result);
    const ended = () => {
      underWay.delete(digest);
      next();
    };
    first.result.then(ended, ended);
    first.start();
  };
  return {
    request: (target, priority) => {
      const running = underWay.get(target.digest);
      if (running !== undefined) return running;
      const rank = SCAN_PRIORITIES.indexOf(priority);
      const same = waiting.find((one) => one.target.digest === target.digest);
      if (same !== undefined) {
        same.rank = Math.min(same.rank, rank);
        return same.result;
      }
      if (waiting.length >= limit) return Promise.reject(queueFull(target, limit));
      const { promise, resolve } = Promise.withResolvers<ScanResult>();
      waiting.push({ target, rank, result: promise, start: () => resolve(scan(target)) });
      next();
      return promise;
    },
    get waiting() {
      return waiting.length;
    },
  };
}

function queueFull({ repository, digest }: ScanTarget, limit: number): CodedError {
  const message = `scan ${repository}@${digest}: ${limit} scans are waiting already`;
  return new CodedError("SCAN_QUEUE_FULL", message, SCANNER_ERRORS.SCAN_QUEUE_FULL.fix);
}
