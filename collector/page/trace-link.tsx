import type { JSX } from "preact";

interface TraceLinkProps {
  readonly traceId: string;
  /** Whether the page still has the trace. */
  readonly known: boolean;
  readonly onTrace: (traceId: string) => void;
}

const SHOWN = 12;

/** Opens a trace further down; a trace that is gone keeps its id, to be looked up elsewhere. */
export function TraceLink({ traceId, known, onTrace }: TraceLinkProps): JSX.Element {
  if (!known) {
    return (
      <code title={`trace ${traceId} is no longer among the recent ones`}>
        {traceId.slice(0, SHOWN)}… <span class="muted">(no longer kept)</span>
      </code>
    );
  }
  return (
    <button
      type="button"
      class="link"
      title={`open trace ${traceId}`}
      data-testid="trace-link"
      onClick={() => onTrace(traceId)}
    >
      trace {traceId.slice(0, SHOWN)}…
    </button>
  );
}
