import { z } from "zod";
import { STORE_LIMIT_BYTES } from "../../core/images/cache/fact-store.ts";
import { CACHE_BYTES } from "../../core/images/evidence-cache.ts";
import { VERIFY_THREADS, VERIFY_THREADS_MOST } from "../../core/images/workers/pool.ts";

const MIB = 1024 * 1024;
const mebibytes = (most: number) => z.number().int().min(0).max(most);

/** Verified evidence, by digest: what is over the limit and used longest ago goes first. */
export const evidenceCacheSchema = z.strictObject({
  memoryMiB: mebibytes(4096).default(CACHE_BYTES / MIB),
  /** In the state folder, over a restart; 0 keeps nothing there. */
  diskMiB: mebibytes(65_536).default(STORE_LIMIT_BYTES / MIB),
});

/** Signatures are verified in threads of their own, which a hostile one cannot outlive. */
export const verifySchema = z.strictObject({
  threads: z.number().int().min(1).max(VERIFY_THREADS_MOST).default(VERIFY_THREADS),
});
