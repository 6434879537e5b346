import { useRef, useState } from "preact/hooks";
import type { TraceView } from "../../overview.ts";
import { toggled } from "../toggle.ts";

/** Traces kept because someone opened them, after the collector's newest have moved on; the oldest go first. */
export const KEPT_TRACE_LIMIT = 20;
const REQUEST_TIMEOUT_MS = 4_000;

export interface TraceStore {
  readonly traces: readonly TraceView[];
  readonly open: ReadonlySet<string>;
  /** Asked for, and no longer kept by the collector. */
  readonly missing: ReadonlySet<string>;
  /** True while the list stands still under a reader. */
  readonly held: boolean;
  readonly toggle: (trace: TraceView) => void;
  /** Opens a trace by its id, fetching it when it is not among the newest. */
  readonly show: (traceId: string) => void;
  /** The pointer or the focus is in the list, or left it. */
  readonly hold: (reading: boolean) => void;
}

/** The list of traces as a reader needs it: it stands still while one is open or under the pointer. */
export function useTraces(newest: readonly TraceView[]): TraceStore {
  const [kept, setKept] = useState<readonly TraceView[]>([]);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [missing, setMissing] = useState<ReadonlySet<string>>(new Set());
  const [reading, hold] = useState(false);
  const still = useRef(newest);
  const held = reading || open.size > 0;
  if (!held) still.current = newest;
  const traces = merge(still.current, kept);

  const present = (trace: TraceView): void => {
    setKept((before) => keep(before, trace));
    setOpen((before) => new Set([...before, trace.traceId]));
    requestAnimationFrame(() => requestAnimationFrame(() => focusTrace(trace.traceId)));
  };
  const show = async (traceId: string): Promise<void> => {
    const known = [...traces, ...newest].find((trace) => trace.traceId === traceId);
    const trace = known ?? (await fetchTrace(traceId));
    if (trace === undefined) setMissing((before) => new Set([...before, traceId]));
    else present(trace);
  };
  const toggle = (trace: TraceView): void => {
    setKept((before) => keep(before, trace));
    setOpen((before) => toggled(before, trace.traceId));
  };
  return { traces, open, missing, held, toggle, hold, show: (traceId) => void show(traceId) };
}

/** Each trace once, newest first. */
export function merge(newest: readonly TraceView[], kept: readonly TraceView[]): TraceView[] {
  const byId = new Map([...kept, ...newest].map((trace) => [trace.traceId, trace]));
  return [...byId.values()].toSorted((a, b) => b.startMs - a.startMs);
}

export function keep(before: readonly TraceView[], trace: TraceView): TraceView[] {
  return [...before.filter(({ traceId }) => traceId !== trace.traceId), trace].slice(-KEPT_TRACE_LIMIT);
}

async function fetchTrace(traceId: string): Promise<TraceView | undefined> {
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const answer = await fetch(`/api/v1/traces/${encodeURIComponent(traceId)}`, { signal });
    return answer.ok ? ((await answer.json()) as TraceView) : undefined;
  } catch {
    return undefined;
  }
}

function focusTrace(traceId: string): void {
  const element = document.getElementById(`trace-${traceId}`);
  element?.scrollIntoView({ block: "center" });
  element?.querySelector("button")?.focus({ preventScroll: true });
}
