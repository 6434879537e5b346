import type { JSX } from "preact";
import { type Feed, STALE_AFTER_MS } from "./feed.ts";
import { duration } from "./format.ts";

/** Says that what is on the screen is old, and how old. */
export function StaleBanner({
  feed,
  silentMs,
}: {
  readonly feed: Feed;
  readonly silentMs: number;
}): JSX.Element | null {
  if (feed.connection !== "lost" && silentMs <= STALE_AFTER_MS) return null;
  const what =
    feed.overview === undefined
      ? `The collector has not answered for ${duration(silentMs)}.`
      : `The collector has been silent for ${duration(silentMs)}: everything below is that old.`;
  return (
    <div class="stale" role="alert" data-testid="stale">
      <strong>Connection to the collector lost.</strong> {what} Trying again by itself.
    </div>
  );
}
