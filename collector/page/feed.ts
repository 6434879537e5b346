import type { Overview } from "../overview.ts";

/** Nothing heard for so long: what is on the screen is old. */
export const STALE_AFTER_MS = 5_000;
/** How often the page asks by itself while the live stream is away. */
export const POLL_EVERY_MS = 2_000;
/** How often it tries to get the live stream back. */
export const RECONNECT_EVERY_MS = 6_000;
const REQUEST_TIMEOUT_MS = 4_000;

export type Connection = "connecting" | "live" | "polling" | "lost";

export interface Feed {
  readonly overview: Overview | undefined;
  /** This machine's clock when the overview came. */
  readonly receivedAtMs: number;
  readonly connection: Connection;
}

/** What the feed needs of a browser, so that a test can stand in for it. */
export interface Surroundings {
  readonly now: () => number;
  readonly openStream: (onText: (text: string) => void, onClosed: () => void) => () => void;
  readonly fetchOverview: () => Promise<string>;
  readonly every: (ms: number, run: () => void) => () => void;
}

/**
 * Keeps the newest overview: from the live stream while it speaks, else by asking every two seconds.
 * A stream that is open but silent counts as away.
 *
 * @returns stops it
 */
export function followOverview(around: Surroundings, onFeed: (feed: Feed) => void): () => void {
  let feed: Feed = { overview: undefined, receivedAtMs: around.now(), connection: "connecting" };
  let close: (() => void) | undefined;
  let asking = false;

  const publish = (change: Partial<Feed>): void => {
    feed = { ...feed, ...change };
    onFeed(feed);
  };
  const receive = (text: string, connection: Connection): void => {
    const overview = parseOverview(text);
    if (overview !== undefined) publish({ overview, connection, receivedAtMs: around.now() });
  };
  const silentMs = (): number => around.now() - feed.receivedAtMs;
  const connect = (): void => {
    close?.();
    close = around.openStream(
      (text) => receive(text, "live"),
      () => {
        close = undefined;
        void ask();
      },
    );
  };
  const ask = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      receive(await around.fetchOverview(), "polling");
    } catch {
      if (silentMs() > STALE_AFTER_MS || feed.overview === undefined) publish({ connection: "lost" });
    } finally {
      asking = false;
    }
  };

  connect();
  const stopPolling = around.every(POLL_EVERY_MS, () => {
    if (silentMs() > STALE_AFTER_MS) publish({ connection: "lost" });
    if (close === undefined || silentMs() > POLL_EVERY_MS) void ask();
  });
  const stopReconnecting = around.every(RECONNECT_EVERY_MS, () => {
    if (feed.connection !== "live") connect();
  });
  return () => {
    stopPolling();
    stopReconnecting();
    close?.();
  };
}

/** `undefined` for anything that is not an overview: the page keeps what it has. */
export function parseOverview(text: string): Overview | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isOverview(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const LISTS = ["instances", "edges", "slos", "alerts", "traces", "events"] as const;

function isOverview(value: unknown): value is Overview {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Record<string, unknown>;
  return typeof fields["atMs"] === "number" && LISTS.every((list) => Array.isArray(fields[list]));
}

/** The real browser. */
export const BROWSER: Surroundings = {
  now: () => Date.now(),
  every: (ms, run) => {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
  openStream: (onText, onClosed) => {
    const stream = new EventSource("/api/v1/live");
    const hear = (event: MessageEvent<unknown>): void => onText(String(event.data));
    stream.addEventListener("message", hear);
    stream.addEventListener("overview", hear);
    stream.addEventListener("error", () => {
      stream.close();
      onClosed();
    });
    return () => stream.close();
  },
  fetchOverview: async () => {
    const answer = await fetch("/api/v1/overview", { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    if (!answer.ok) throw new Error(`overview: status ${answer.status}`);
    return answer.text();
  },
};
