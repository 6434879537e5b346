import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { EventView } from "../../overview.ts";
import { Empty } from "../panel.tsx";
import type { TraceStore } from "../traces/trace-store.ts";
import { EventItem } from "./event-item.tsx";

interface EventsProps {
  readonly events: readonly EventView[];
  readonly nowMs: number;
  readonly traces: TraceStore;
}

const FILTERS = [
  { name: "all", takes: () => true },
  { name: "decisions", takes: ({ kind }: EventView) => kind === "decision" },
  { name: "refused", takes: ({ outcome }: EventView) => outcome === "refused" },
  { name: "changes", takes: ({ kind }: EventView) => ["deploy", "policy-change", "lifecycle"].includes(kind) },
  { name: "alerts", takes: ({ kind }: EventView) => kind === "alert" || kind === "finding" },
] as const;

/** What happened, newest first: admission decisions with their reasons, deploys, policy changes, alerts. */
export function Events(props: EventsProps): JSX.Element {
  const [filter, setFilter] = useState<(typeof FILTERS)[number]>(FILTERS[0]);
  if (props.events.length === 0)
    return <Empty>Nothing has happened yet: no decision, deploy, policy change or alert.</Empty>;
  const shown = props.events.filter(filter.takes);
  return (
    <>
      <fieldset class="filters">
        <legend class="hidden">Show</legend>
        {FILTERS.map((one) => (
          <button
            key={one.name}
            type="button"
            class="filter-button"
            aria-pressed={one === filter}
            onClick={() => setFilter(one)}
          >
            {one.name}
          </button>
        ))}
      </fieldset>
      {shown.length === 0 ? <Empty>None of the last {props.events.length} events is of this kind.</Empty> : null}
      <ol class="events">
        {shown.map((event) => (
          <EventItem key={keyOf(event)} event={event} {...props} />
        ))}
      </ol>
    </>
  );
}

function keyOf(event: EventView): string {
  return JSON.stringify([event.atMs, event.from, event.kind, event.subject, event.attributes["uid"]]);
}
