import type { SpanView, TraceView } from "../../overview.ts";

export interface WaterfallRow {
  readonly span: SpanView;
  readonly depth: number;
  /** Where the bar begins and how long it is, as shares of the trace. */
  readonly offset: number;
  readonly width: number;
}

/** Deeper spans are drawn at this depth; a hostile trace may nest without end. */
export const DEEPEST = 24;

/**
 * Spans parent first, siblings by start. A span whose parent is missing (or is itself, or in a ring) stands at the
 * top; every span appears exactly once.
 */
export function waterfallRows(trace: TraceView): WaterfallRow[] {
  const byStart = trace.spans.toSorted((a, b) => a.startMs - b.startMs);
  const ids = new Set(byStart.map(({ spanId }) => spanId));
  const children = Map.groupBy(byStart, ({ parentSpanId }) => (ids.has(parentSpanId) ? parentSpanId : ""));
  const rows: WaterfallRow[] = [];
  const seen = new Set<SpanView>();
  const visit = (first: SpanView): void => {
    const pending = [{ span: first, depth: 0 }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { span, depth } = next;
      if (seen.has(span)) continue;
      seen.add(span);
      rows.push({ span, depth: Math.min(depth, DEEPEST), ...extent(span, trace) });
      const below = (children.get(span.spanId) ?? []).toReversed();
      pending.push(...below.map((child) => ({ span: child, depth: depth + 1 })));
    }
  };
  for (const span of children.get("") ?? []) visit(span);
  for (const span of byStart) if (!seen.has(span)) visit(span);
  return rows;
}

function extent(span: SpanView, { startMs, durationMs }: TraceView): { offset: number; width: number } {
  const whole = Math.max(durationMs, 0.001);
  const offset = clamp((span.startMs - startMs) / whole);
  return { offset, width: Math.min(clamp(span.durationMs / whole), 1 - offset) };
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
