import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { TraceView } from "../../overview.ts";
import { ago, clock, latency } from "../format.ts";
import { Empty } from "../panel.tsx";
import type { TraceStore } from "./trace-store.ts";
import { Waterfall } from "./waterfall.tsx";

/** Newest first; each opens to its waterfall. */
export function Traces({ store, nowMs }: { readonly store: TraceStore; readonly nowMs: number }): JSX.Element {
  const [onlyErrors, setOnlyErrors] = useState(false);
  const { traces, open, held, hold, toggle } = store;
  if (traces.length === 0) return <Empty>No trace has arrived yet.</Empty>;
  const shown = onlyErrors ? traces.filter(({ error, traceId }) => error || open.has(traceId)) : traces;
  return (
    <>
      <div class="toolbar">
        <label class="filter">
          <input
            type="checkbox"
            checked={onlyErrors}
            onChange={(event) => setOnlyErrors(event.currentTarget.checked)}
          />
          errors only
        </label>
        <span class="muted small">{held ? "held while you read" : "live"}</span>
      </div>
      {shown.length === 0 ? <Empty>None of the recent traces failed.</Empty> : null}
      <ul
        class="traces"
        onMouseEnter={() => hold(true)}
        onMouseLeave={() => hold(false)}
        onFocusIn={() => hold(true)}
        onFocusOut={() => hold(false)}
      >
        {shown.map((trace) => (
          <TraceItem
            key={trace.traceId}
            trace={trace}
            nowMs={nowMs}
            open={open.has(trace.traceId)}
            onToggle={() => toggle(trace)}
          />
        ))}
      </ul>
    </>
  );
}

interface ItemProps {
  readonly trace: TraceView;
  readonly nowMs: number;
  readonly open: boolean;
  readonly onToggle: () => void;
}

function TraceItem({ trace, nowMs, open, onToggle }: ItemProps): JSX.Element {
  const path = trace.services.join(" → ");
  return (
    <li class="trace" id={`trace-${trace.traceId}`} data-testid="trace" data-trace={trace.traceId}>
      <button type="button" class="opener trace-opener" aria-expanded={open} onClick={onToggle}>
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
