import type { JSX } from "preact";
import type { TraceStore } from "./trace-store.ts";

const SHOWN = 12;

/** Opens a trace further down; a trace that is gone keeps its id, to be looked up elsewhere. */
export function TraceLink({ traceId, traces }: { readonly traceId: string; readonly traces: TraceStore }): JSX.Element {
  const short = `${traceId.slice(0, SHOWN)}…`;
  if (traces.missing.has(traceId)) {
    return (
      <code title={`the collector no longer keeps trace ${traceId}`}>
        {short} <span class="muted">(no longer kept)</span>
      </code>
    );
  }
  return (
    <button
      type="button"
      class="link"
      title={`open trace ${traceId}`}
      data-testid="trace-link"
      onClick={() => traces.show(traceId)}
    >
      trace {short}
    </button>
  );
}
