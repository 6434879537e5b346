import type { JSX } from "preact";
import type { EventView } from "../../overview.ts";
import { Attributes } from "../attributes.tsx";
import { ago, clock } from "../format.ts";
import { TraceLink } from "../traces/trace-link.tsx";
import type { TraceStore } from "../traces/trace-store.ts";

interface EventItemProps {
  readonly event: EventView;
  readonly nowMs: number;
  readonly traces: TraceStore;
}

/** Attributes that have a place of their own. */
const SHOWN_ELSEWHERE = ["violations", "traceId"];

/** One event: the outcome and the thing first, then the reason, every violation, and the facts on request. */
export function EventItem({ event, nowMs, traces }: EventItemProps): JSX.Element {
  const violations = (event.attributes["violations"] ?? "").split("\n").filter((line) => line.trim() !== "");
  const traceId = event.attributes["traceId"];
  return (
    <li
      class={`event severity-${event.severity}`}
      data-testid="event"
      data-kind={event.kind}
      data-outcome={event.outcome}
    >
      <div class="event-head">
        <span class={`badge badge-${event.severity}`}>{event.outcome}</span>
        <strong class="truncate" title={event.subject}>
          {event.subject}
        </strong>
        <span class="muted small">
          {event.from} · {event.kind}
        </span>
        <span class="muted small since" title={clock(event.atMs)}>
          {ago(event.atMs, nowMs)}
        </span>
      </div>
      {violations.length === 0 ? (
        <p class="event-message">{event.message}</p>
      ) : (
        <ul class="violations" data-testid="violations">
          {violations.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      {traceId === undefined ? null : <TraceLink traceId={traceId} traces={traces} />}
      <Facts event={event} />
    </li>
  );
}

function Facts({ event }: { readonly event: EventView }): JSX.Element | null {
  const entries = Object.entries(event.attributes).filter(([name]) => !SHOWN_ELSEWHERE.includes(name));
  if (entries.length === 0) return null;
  return (
    <details>
      <summary>
        {entries.length} {entries.length === 1 ? "fact" : "facts"}
      </summary>
      <Attributes of={entries} />
    </details>
  );
}
