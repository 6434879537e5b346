import type { Overview, TraceView } from "../overview.ts";

/** Traces that alerts pointed to, kept after the overview has moved on; the oldest go first. */
export const KEPT_TRACE_LIMIT = 20;

export class KeptTraces {
  readonly #traces = new Map<string, TraceView>();

  get(traceId: string): TraceView | undefined {
    return this.#traces.get(traceId);
  }

  keep(trace: TraceView): void {
    this.#traces.set(trace.traceId, trace);
    const [oldest] = this.#traces.keys();
    if (this.#traces.size > KEPT_TRACE_LIMIT && oldest !== undefined) this.#traces.delete(oldest);
  }
}

/** The newest traces, then the exemplars of active alerts that are no longer among them. */
export function withExemplars(overview: Overview, kept: KeptTraces): TraceView[] {
  const newest = new Map(overview.traces.map((trace) => [trace.traceId, trace]));
  const wanted = new Set(overview.alerts.flatMap(({ exemplarTraceId }) => exemplarTraceId ?? []));
  const older: TraceView[] = [];
  for (const traceId of wanted) {
    const trace = newest.get(traceId);
    if (trace !== undefined) kept.keep(trace);
    else older.push(...[kept.get(traceId)].filter((one) => one !== undefined));
  }
  return [...newest.values(), ...older];
}
