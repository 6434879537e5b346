import { type Clock, SECOND_MS, systemClock } from "../../base/clock.ts";
import type { Digest } from "../../policy/evidence.ts";
import type { Manifest } from "../manifest.ts";
import { singleFlight } from "./single-flight.ts";

/** How long a tag is believed to be where it was, and not to exist, in milliseconds: tags move, pushes come. */
export const TAG_TTL_MS = 5 * SECOND_MS;
export const NO_TAG_TTL_MS = 2 * SECOND_MS;
/** Tags kept, the one asked for longest ago dropped first; one takes less than 1 KiB. */
export const TAGS_KEPT = 4096;

/** What a tag named when somebody looked: the manifest itself while it is at hand, its digest after that. */
export type TagAnswer = { readonly digest: Digest; readonly manifest?: Manifest } | undefined;

/** Where tags point, for seconds; one look-up at a time per tag, failures not kept. */
export interface TagCache {
  /** @param tag  "ghcr.io/acme/web:1.2" @returns `undefined` when the registry says there is none */
  resolve(tag: string, look: () => Promise<Manifest | undefined>): Promise<TagAnswer>;
  readonly size: number;
}

export function createTagCache({ clock = systemClock }: { readonly clock?: Clock } = {}): TagCache {
  const kept = new Map<string, { readonly digest: Digest | undefined; readonly atMs: number }>();
  const flights = singleFlight<TagAnswer>();
  const keep = (tag: string, digest: Digest | undefined, atMs: number) => {
    kept.delete(tag);
    kept.set(tag, { digest, atMs });
    const [oldest] = kept.keys();
    if (kept.size > TAGS_KEPT && oldest !== undefined) kept.delete(oldest);
  };
  return {
    resolve: async (tag, look) => {
      const before = kept.get(tag);
      const nowMs = clock();
      const ageMs = nowMs - (before?.atMs ?? 0);
      if (before !== undefined && ageMs >= 0 && ageMs < (before.digest === undefined ? NO_TAG_TTL_MS : TAG_TTL_MS))
        return before.digest === undefined ? undefined : { digest: before.digest };
      return flights.run(tag, async () => {
        const manifest = await look();
        keep(tag, manifest?.digest, nowMs);
        return manifest === undefined ? undefined : { digest: manifest.digest, manifest };
      });
    },
    get size() {
      return kept.size;
    },
  };
}
