import { type Resource, SPAN_KIND, type SpanData, STATUS_CODE } from "../core/wire/otlp/model.ts";
import { keptText, newestWithin, sizeOf } from "./kept-text.ts";
import type { SpanView, TraceView } from "./overview.ts";

/** Recent traces kept; the oldest go first. */
export const TRACE_LIMIT = 1_000;
/** Spans kept of one trace; later ones are dropped and counted. */
export const SPANS_PER_TRACE_LIMIT = 256;
/** Attributes shown per span. */
export const SPAN_ATTRIBUTE_LIMIT = 32;
/** Longest value and longest name, in UTF-16 units; longer ones are cut. */
export const [SPAN_VALUE_LIMIT, SPAN_NAME_LIMIT] = [512, 128];
/** What all spans together may hold, in UTF-16 units; the oldest traces go first. */
export const TRACES_SIZE = 64 * 1024 * 1024;
const NS_PER_MS = 1e6;

interface Trace {
  readonly traceId: string;
  readonly spans: Map<string, SpanView>;
  error: boolean;
  size: number;
}

/** The tail of recent traces, assembled by trace id from every sender. */
export class RecentTraces {
  readonly #traces = new Map<string, Trace>();
  #size = 0;

  /** @returns false when the trace is full and the span was dropped; a span sent twice is kept once */
  add(resource: Resource, span: SpanData): boolean {
    const trace = this.#traces.get(span.traceId) ?? this.#begin(span.traceId);
    if (trace.spans.size >= SPANS_PER_TRACE_LIMIT && !trace.spans.has(span.spanId)) return false;
    const view = viewOf(resource, span);
    const replaced = trace.spans.get(span.spanId);
    trace.spans.set(span.spanId, view);
    trace.error ||= view.error;
    const grown = sizeOf(view) - (replaced === undefined ? 0 : sizeOf(replaced));
    trace.size += grown;
    this.#size += grown;
    while (this.#size > TRACES_SIZE) this.#forgetOldest();
    return true;
  }

  get(traceId: string): TraceView | undefined {
    const trace = this.#traces.get(traceId);
    return trace === undefined ? undefined : assemble(trace);
  }

  /** Newest first; without those that would make the list larger than `size`, which `get` still returns. */
  newest(count: number, size = TRACES_SIZE): TraceView[] {
    const newest = [...this.#traces.values()].slice(-count).filter((trace) => trace.size <= size);
    return newestWithin(newest.map(assemble), count, size);
  }

  /** The newest trace in which this service failed: an exemplar for its alerts. */
  newestError(service: string): string | undefined {
    const failed = [...this.#traces.values()].findLast(({ error, spans }) => {
      return error && [...spans.values()].some((span) => span.error && span.service === service);
    });
    return failed?.traceId;
  }

  #begin(traceId: string): Trace {
    if (this.#traces.size >= TRACE_LIMIT) this.#forgetOldest();
    const trace = { traceId, spans: new Map(), error: false, size: 0 };
    this.#traces.set(traceId, trace);
    return trace;
  }

  #forgetOldest(): void {
    const [oldest] = this.#traces.values();
    if (oldest === undefined) return;
    this.#traces.delete(oldest.traceId);
    this.#size -= oldest.size;
  }
}

const KIND_NAME = Object.fromEntries(Object.entries(SPAN_KIND).map(([name, kind]) => [kind, name])) as Record<
  SpanData["kind"],
  SpanView["kind"]
>;

function viewOf(resource: Resource, span: SpanData): SpanView {
  const attributes = Object.entries(span.attributes).slice(0, SPAN_ATTRIBUTE_LIMIT);
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? "",
    service: keptText(resource["service.name"] ?? "unknown", SPAN_NAME_LIMIT),
    name: keptText(span.name, SPAN_VALUE_LIMIT),
    kind: KIND_NAME[span.kind],
    startMs: Number(span.startNs) / NS_PER_MS,
    durationMs: Math.max(0, Number(span.endNs - span.startNs)) / NS_PER_MS,
    error: span.statusCode === STATUS_CODE.error,
    attributes: Object.fromEntries(
      attributes.map(([key, value]) => [keptText(key, SPAN_NAME_LIMIT), keptText(value, SPAN_VALUE_LIMIT)]),
    ),
  };
}

function assemble({ traceId, spans, error }: Trace): TraceView {
  const ordered = [...spans.values()].toSorted((a, b) => a.startMs - b.startMs);
  const root = ordered.find(({ parentSpanId }) => !spans.has(parentSpanId)) ?? ordered[0];
  const startMs = Math.min(...ordered.map((span) => span.startMs));
  const endMs = Math.max(...ordered.map((span) => span.startMs + span.durationMs));
  const services = [...new Set(ordered.map(({ service }) => service))];
  return { traceId, rootName: root?.name ?? "", startMs, durationMs: endMs - startMs, services, error, spans: ordered };
}
