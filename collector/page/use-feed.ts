import { useEffect, useState } from "preact/hooks";
import { BROWSER, type Feed, followOverview } from "./feed.ts";

const TICK_MS = 1_000;

export function useFeed(): Feed {
  const [feed, setFeed] = useState<Feed>({ overview: undefined, receivedAtMs: Date.now(), connection: "connecting" });
  useEffect(() => followOverview(BROWSER, setFeed), []);
  return feed;
}

/** This machine's clock, once a second, so that ages grow while nothing arrives. */
export function useClock(): number {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
