import { type Clock, HOUR_MS, MINUTE_MS, SECOND_MS, systemClock } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import type { FactStore } from "./cache/fact-store.ts";
import { factMemory } from "./cache/memory.ts";
import { waitFor } from "./cache/patience.ts";
import { singleFlight } from "./cache/single-flight.ts";
import {
  countingAt,
  failedFacts,
  holdsVerified,
  type ImageFacts,
  isOutage,
  type KeptFacts,
  withEarlier,
} from "./facts/image-facts.ts";

export type { ImageFacts } from "./facts/image-facts.ts";

export interface EvidenceCacheOptions {
  /** Of the heap. */
  readonly maxBytes?: number;
  /** How long facts that lack nothing are believed without looking again, in milliseconds. */
  readonly positiveTtlMs?: number;
  /** How long "no signature" or "no scan" is believed, in milliseconds: short, because signing mends it. */
  readonly negativeTtlMs?: number;
  /** Keeps facts over a restart. */
  readonly store?: Pick<FactStore, "read" | "write">;
  readonly clock?: Clock;
}

/** Bounds of a cache made without options. */
export const CACHE_BYTES = 64 * 1024 * 1024;
export const POSITIVE_TTL_MS = MINUTE_MS;
export const NEGATIVE_TTL_MS = 5 * SECOND_MS;
/** In an outage, what was verified is still used when somebody could look this long ago, in milliseconds. */
export const OUTAGE_LIMIT_MS = 24 * HOUR_MS;
/** A registry that has not answered for this long, in milliseconds, is waited for no more where there is that. */
export const OUTAGE_PATIENCE_MS = SECOND_MS;

/** How often each came, since the start. */
export interface EvidenceCacheStats {
  readonly hits: number;
  /** Hits on facts that lack something the policy's authorities may vouch for. */
  readonly negativeHits: number;
  /** Facts verified earlier, used because nobody could look now. */
  readonly outageHits: number;
  readonly misses: number;
  readonly evictions: number;
}

/**
 * Verified facts by digest and trust: bounded in bytes, one gathering at a time per key.
 *
 * Kept are facts, never what was decided by them, and none of a look-up that failed. What was verified is true of
 * these bytes and these authorities for good, so age only says when to look whether there is more; "not found" is
 * believed for seconds, and never in an outage.
 */
export interface EvidenceCache {
  /**
   * @param key  digest and trust id: facts of one set of authorities are not another's
   * @param gather  goes on when the caller has given up, and its result is kept
   * @param late  what a caller is told whose time is up
   * @throws what `gather` or `late` says, when nothing verified is known either
   */
  get(key: string, gather: () => Promise<ImageFacts>, signal: AbortSignal, late: () => Error): Promise<ImageFacts>;
  readonly size: number;
  readonly bytes: number;
  readonly stats: EvidenceCacheStats;
}

export function createEvidenceCache(options: EvidenceCacheOptions = {}): EvidenceCache {
  const { maxBytes = CACHE_BYTES, clock = systemClock, store } = options;
  const memory = factMemory(maxBytes);
  const flights = singleFlight<ImageFacts>();
  const counts = { hits: 0, negativeHits: 0, outageHits: 0, misses: 0 };
  const find = (key: string): KeptFacts | undefined => {
    const inMemory = memory.find(key);
    if (inMemory !== undefined) return inMemory;
    const stored = store?.read(key);
    if (stored !== undefined) memory.keep(key, stored);
    return stored;
  };
  const refresh = (key: string, gather: () => Promise<ImageFacts>) =>
    flights.run(key, async () => {
      const lookedAtMs = clock();
      const facts = await gather();
      if (facts.failures.length > 0) return facts;
      memory.keep(key, { facts, lookedAtMs });
      store?.write(key, { facts, lookedAtMs });
      return facts;
    });
  const look = async (key: string, gather: () => Promise<ImageFacts>, signal: AbortSignal, late: () => Error) => {
    const kept = find(key);
    if (kept !== undefined && isFresh(kept, clock(), options)) {
      counts[kept.facts.lacking.length === 0 ? "hits" : "negativeHits"]++;
      return kept.facts;
    }
    counts.misses++;
    const work = refresh(key, gather);
    if (kept === undefined || !isUsableInOutage(kept, clock())) return waitFor(work, signal, late);
    const facts = await waitFor(settled(work), signal, () => failedFacts(late()), OUTAGE_PATIENCE_MS);
    if (!isOutage(facts.failures)) return facts;
    counts.outageHits++;
    return withEarlier(facts, kept.facts);
  };
  return {
    get: async (...asked) => countingAt(await look(...asked), clock()),
    get size() {
      return memory.size;
    },
    get bytes() {
      return memory.bytes;
    },
    get stats() {
      return { ...counts, evictions: memory.evictions };
    },
  };
}

/** A clock that went back makes nothing fresh. */
function isFresh({ facts, lookedAtMs }: KeptFacts, nowMs: number, options: EvidenceCacheOptions): boolean {
  const { positiveTtlMs = POSITIVE_TTL_MS, negativeTtlMs = NEGATIVE_TTL_MS } = options;
  const ageMs = nowMs - lookedAtMs;
  return ageMs >= 0 && ageMs < (facts.lacking.length === 0 ? positiveTtlMs : negativeTtlMs);
}

function isUsableInOutage({ facts, lookedAtMs }: KeptFacts, nowMs: number): boolean {
  return holdsVerified(facts) && Math.abs(nowMs - lookedAtMs) <= OUTAGE_LIMIT_MS;
}

/** A gathering that ended in an outage, as facts; one that ended in a wrong answer says so. */
function settled(work: Promise<ImageFacts>): Promise<ImageFacts> {
  return work.catch((thrown: unknown) => {
    const cause = asError(thrown);
    if (isOutage([cause])) return failedFacts(cause);
    throw cause;
  });
}
