import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { TraceView } from "../overview.ts";
import { ago, clock, latency } from "./format.ts";
import { Empty } from "./panel.tsx";
import { Waterfall } from "./waterfall.tsx";

interface TracesProps {
  readonly traces: readonly TraceView[];
  readonly nowMs: number;
  readonly open: ReadonlySet<string>;
  readonly onToggle: (traceId: string) => void;
}

/** Newest first; each opens to its waterfall. */
export function Traces({ traces, nowMs, open, onToggle }: TracesProps): JSX.Element {
  const [onlyErrors, setOnlyErrors] = useState(false);
  if (traces.length === 0) return <Empty>No trace has arrived yet.</Empty>;
  const shown = onlyErrors ? traces.filter(({ error, traceId }) => error || open.has(traceId)) : traces;
  return (
    <>
      <label class="filter">
        <input type="checkbox" checked={onlyErrors} onChange={(event) => setOnlyErrors(event.currentTarget.checked)} />
        errors only
      </label>
      {shown.length === 0 ? <Empty>None of the recent traces failed.</Empty> : null}
      <ul class="traces">
        {shown.map((trace) => (
          <TraceItem
            key={trace.traceId}
            trace={trace}
            nowMs={nowMs}
            open={open.has(trace.traceId)}
            onToggle={onToggle}
          />
        ))}
      </ul>
    </>
  );
}

interface ItemProps extends Omit<TracesProps, "traces" | "open"> {
  readonly trace: TraceView;
  readonly open: boolean;
}

function TraceItem({ trace, nowMs, open, onToggle }: ItemProps): JSX.Element {
  const path = trace.services.join(" → ");
  return (
    <li class="trace" id={`trace-${trace.traceId}`} data-testid="trace" data-trace={trace.traceId}>
      <button type="button" class="opener trace-opener" aria-expanded={open} onClick={() => onToggle(trace.traceId)}>
        <span class={trace.error ? "dot level-bad" : "dot level-ok"} title={trace.error ? "failed" : "succeeded"} />
        <span class="truncate trace-name" title={trace.rootName}>
          {trace.rootName}
        </span>
        <span class="truncate muted trace-path" title={path}>
          {path}
        </span>
        <span class="number">{latency(trace.durationMs)}</span>
        <span class="muted number trace-age" title={clock(trace.startMs)}>
          {ago(trace.startMs, nowMs)}
        </span>
      </button>
      {open ? <Waterfall trace={trace} /> : null}
    </li>
  );
}
