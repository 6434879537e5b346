import type { JSX } from "preact";
import type { Connection, Feed } from "./feed.ts";
import { duration, number } from "./format.ts";
import { overallState } from "./state.ts";

const CONNECTION_TEXT: Readonly<Record<Connection, string>> = {
  connecting: "connecting",
  live: "live",
  polling: "polling",
  lost: "connection lost",
};
const HOUR_MS = 3_600_000;

/** The answer first: firing alerts, lost instances, or all well. Read out by a screen reader when it changes. */
export function Header({ feed }: { readonly feed: Feed }): JSX.Element {
  const { overview, connection } = feed;
  const state = overview === undefined ? undefined : overallState(overview);
  const level = connection === "lost" || state === undefined ? "unknown" : state.level;
  return (
    <header class={`header level-${level}`}>
      <h1>Outrider</h1>
      <p class="headline" role="status" aria-live="polite" data-testid="headline" data-level={level}>
        {state?.headline ?? "No data yet"}
      </p>
      {overview === undefined || overview.timeScale === 1 ? null : <TimeScale factor={overview.timeScale} />}
      <span class={`connection connection-${connection}`} data-testid="connection">
        {CONNECTION_TEXT[connection]}
      </span>
    </header>
  );
}

function TimeScale({ factor }: { readonly factor: number }): JSX.Element {
  const text = `Every SLO window is divided by ${number(factor)}: an hour passes in ${duration(HOUR_MS / factor)}`;
  return (
    <span class="chip" title={text} data-testid="time-scale">
      time × {number(factor, 5)} (1 h = {duration(HOUR_MS / factor)})
    </span>
  );
}
