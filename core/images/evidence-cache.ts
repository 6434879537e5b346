import { type Clock, MINUTE_MS, SECOND_MS, systemClock } from "../base/clock.ts";
import type { ScanResult, Signature, Verified } from "../policy/evidence.ts";

/** Verified facts about one digest, under one set of authorities. Facts, never the decision drawn from them. */
export interface ImageFacts {
  readonly signatures: readonly Verified<Signature>[];
  /** Every believed scan, newest first. */
  readonly scans: readonly Verified<ScanResult>[];
  /** What was seen and does not count, in words. */
  readonly refusals: readonly { readonly seen: "signature" | "attestation" | "other"; readonly why: string }[];
  /** Look-ups that found no answer. Facts with failures are never kept. */
  readonly failures: readonly Error[];
}

export interface EvidenceCacheOptions {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  /** How long facts with a signature and a scan are believed without looking again, in milliseconds. */
  readonly positiveTtlMs?: number;
  /** How long "no signature" or "no scan" is believed, in milliseconds: short, because signing mends it. */
  readonly negativeTtlMs?: number;
  readonly clock?: Clock;
}

/** Bounds of a cache made without options. */
export const CACHE_ENTRIES = 4096;
export const CACHE_BYTES = 64 * 1024 * 1024;
export const POSITIVE_TTL_MS = MINUTE_MS;
export const NEGATIVE_TTL_MS = 5 * SECOND_MS;

/** Digest-keyed, bounded in entries and bytes, one gathering at a time per key; transient failures are never kept. */
export interface EvidenceCache {
  get(key: string, gather: () => Promise<ImageFacts>): Promise<ImageFacts>;
  readonly size: number;
  readonly bytes: number;
}

interface Entry {
  readonly facts: ImageFacts;
  readonly bytes: number;
  readonly untilMs: number;
}

export function createEvidenceCache(options: EvidenceCacheOptions = {}): EvidenceCache {
  const { maxEntries = CACHE_ENTRIES, maxBytes = CACHE_BYTES, clock = systemClock } = options;
  const entries = new Map<string, Entry>();
  const underWay = new Map<string, Promise<ImageFacts>>();
  let bytes = 0;
  const drop = (key: string) => {
    bytes -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  };
  const keep = (key: string, facts: ImageFacts) => {
    const size = sizeOf(key, facts);
    if (facts.failures.length > 0 || size > maxBytes) return;
    drop(key);
    entries.set(key, { facts, bytes: size, untilMs: clock() + ttlOf(facts, options) });
    bytes += size;
    for (const oldest of entries.keys()) {
      if (entries.size <= maxEntries && bytes <= maxBytes) break;
      drop(oldest);
    }
  };
  const gatherOnce = (key: string, gather: () => Promise<ImageFacts>) => {
    const work = gather()
      .then((facts) => {
        keep(key, facts);
        return facts;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, work);
    return work;
  };
  return {
    get: async (key, gather) => {
      const entry = entries.get(key);
      if (entry !== undefined && entry.untilMs > clock()) {
        entries.delete(key);
        entries.set(key, entry);
        return entry.facts;
      }
      if (entry !== undefined) drop(key);
      return underWay.get(key) ?? gatherOnce(key, gather);
    },
    get size() {
      return entries.size;
    },
    get bytes() {
      return bytes;
    },
  };
}

function ttlOf(facts: ImageFacts, options: EvidenceCacheOptions): number {
  const whole = facts.signatures.length > 0 && facts.scans.length > 0;
  return whole ? (options.positiveTtlMs ?? POSITIVE_TTL_MS) : (options.negativeTtlMs ?? NEGATIVE_TTL_MS);
}

/** Bytes an entry takes, estimated from its texts: strings dominate, and two bytes a character is V8's worst case. */
function sizeOf(key: string, facts: ImageFacts): number {
  return 2 * (key.length + JSON.stringify([facts.signatures, facts.scans, facts.refusals]).length);
}
