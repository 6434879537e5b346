import { describe, expect, it } from "@jest/globals";
import {
  type Feed,
  followOverview,
  POLL_EVERY_MS,
  parseOverview,
  RECONNECT_EVERY_MS,
  STALE_AFTER_MS,
  type Surroundings,
} from "../../collector/page/feed.ts";
import { sampleOverview } from "./sample.ts";

/** A browser whose clock and collector the test moves. */
function world() {
  let nowMs = 1_000_000;
  const timers: { ms: number; nextMs: number; run: () => void }[] = [];
  const streams: { say: (text: string) => void; breakOff: () => void }[] = [];
  let collectorUp = true;
  let asked = 0;
  const around: Surroundings = {
    now: () => nowMs,
    every: (ms, run) => {
      const timer = { ms, nextMs: nowMs + ms, run };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
    openStream: (say, breakOff) => {
      streams.push({ say, breakOff });
      return () => {};
    },
    fetchOverview: async () => {
      asked++;
      if (!collectorUp) throw new Error("connection refused");
      return text();
    },
  };
  const text = () => JSON.stringify(sampleOverview(nowMs));
  let feed: Feed | undefined;
  const stop = followOverview(around, (next) => {
    feed = next;
  });
  return {
    stop,
    streams,
    timers,
    text,
    feed: () => feed,
    asked: () => asked,
    collector: (up: boolean) => {
      collectorUp = up;
    },
    pass: async (ms: number) => {
      const untilMs = nowMs + ms;
      while (nowMs < untilMs) {
        nowMs += 500;
        for (const timer of timers) {
          if (nowMs < timer.nextMs) continue;
          timer.nextMs += timer.ms;
          timer.run();
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

describe("the page's feed", () => {
  it("is live while the stream speaks, and does not ask besides", async () => {
    const { streams, text, feed, asked, pass } = world();
    for (let second = 0; second < 10; second++) {
      streams[0]?.say(text());
      await pass(1_000);
      expect(feed()?.connection).toBe("live");
    }
    expect(asked()).toBe(0);
  });

  it("asks by itself once the stream breaks off", async () => {
    const { streams, feed, pass } = world();
    streams[0]?.breakOff();
    await pass(POLL_EVERY_MS);
    expect(feed()?.connection).toBe("polling");
    expect(feed()?.overview?.slos.length).toBeGreaterThan(0);
  });

  it("asks by itself when the stream is open but silent", async () => {
    const { streams, text, feed, pass } = world();
    streams[0]?.say(text());
    await pass(2 * POLL_EVERY_MS);
    expect(feed()?.connection).toBe("polling");
  });

  it("says that the connection is lost, and keeps what it last knew", async () => {
    const { streams, text, feed, pass, collector } = world();
    streams[0]?.say(text());
    const known = feed()?.overview;
    collector(false);
    streams[0]?.breakOff();
    await pass(STALE_AFTER_MS + POLL_EVERY_MS);
    expect(feed()?.connection).toBe("lost");
    expect(feed()?.overview).toBe(known);
  });

  it("says so also when the collector never answered", async () => {
    const { streams, feed, pass, collector } = world();
    collector(false);
    streams[0]?.breakOff();
    await pass(POLL_EVERY_MS);
    expect(feed()).toMatchObject({ connection: "lost", overview: undefined });
  });

  it("comes back to the live stream by itself", async () => {
    const { streams, text, feed, pass, collector } = world();
    collector(false);
    streams[0]?.breakOff();
    await pass(RECONNECT_EVERY_MS);
    expect(streams.length).toBeGreaterThan(1);
    streams.at(-1)?.say(text());
    expect(feed()?.connection).toBe("live");
  });

  it("leaves no timer behind when stopped", () => {
    const { stop, timers } = world();
    stop();
    expect(timers).toEqual([]);
  });

  it.each(["", "null", "[]", '"text"', "{", '{"atMs":1}', '{"atMs":"1","instances":[]}'])(
    "keeps what it has when told %p",
    (text) => expect(parseOverview(text)).toBeUndefined(),
  );
});
