import type { KeptFacts } from "../facts/image-facts.ts";
import { heapBytesOf } from "./size.ts";

/** What a map's entry and our own record of it take, in bytes, beside key and facts. */
const ENTRY_BYTES = 160;

/** Facts in memory within so many bytes, the ones used longest ago dropped first. */
export interface FactMemory {
  /** Finding is using. */
  find(key: string): KeptFacts | undefined;
  /** Facts larger than all of the room are not kept, and what stood there before is gone too. */
  keep(key: string, kept: KeptFacts): void;
  readonly size: number;
  readonly bytes: number;
  /** Dropped for room, since the start. */
  readonly evictions: number;
}

export function factMemory(maxBytes: number): FactMemory {
  const entries = new Map<string, { readonly kept: KeptFacts; readonly bytes: number }>();
  let bytes = 0;
  let evictions = 0;
  const drop = (key: string) => {
    bytes -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  };
  return {
    find: (key) => {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.kept;
    },
    keep: (key, kept) => {
      drop(key);
      const size = ENTRY_BYTES + heapBytesOf(key) + heapBytesOf(kept);
      if (size > maxBytes) return;
      entries.set(key, { kept, bytes: size });
      bytes += size;
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) break;
        drop(oldest);
        evictions++;
      }
    },
    get size() {
      return entries.size;
    },
    get bytes() {
      return bytes;
    },
    get evictions() {
      return evictions;
    },
  };
}
