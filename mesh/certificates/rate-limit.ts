/** Token buckets by key: a burst at once, then a steady rate. */
export interface RateLimit {
  /** Takes one token of this key's bucket. @returns whether there was one */
  allows(key: string, nowMs: number): boolean;
}

/** Most keys remembered; the one used longest ago is forgotten, which at worst gives it a fresh burst. */
export const RATE_LIMIT_KEYS = 10_000;

export function createRateLimit(limit: { readonly burst: number; readonly perSecond: number }): RateLimit {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return {
    allows: (key, nowMs) => {
      const bucket = buckets.get(key) ?? { tokens: limit.burst, atMs: nowMs };
      const refilled = bucket.tokens + (Math.max(0, nowMs - bucket.atMs) / 1000) * limit.perSecond;
      const tokens = Math.min(limit.burst, refilled);
      buckets.delete(key);
      buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
      const oldest = buckets.keys().next();
      if (buckets.size > RATE_LIMIT_KEYS && !oldest.done) buckets.delete(oldest.value);
      return tokens >= 1;
    },
  };
}
