import { type Resource, SPAN_KIND, type SpanData, STATUS_CODE } from "../core/wire/otlp-model.ts";
import type { SpanView, TraceView } from "./overview.ts";

/** Recent traces kept; the oldest go first. */
export const TRACE_LIMIT = 1_000;
/** Spans kept of one trace; later ones are dropped and counted. */
export const SPANS_PER_TRACE_LIMIT = 256;
/** Attributes shown per span. */
export const SPAN_ATTRIBUTE_LIMIT = 32;
const VALUE_LIMIT = 512;
const NS_PER_MS = 1e6;

interface Trace {
  readonly traceId: string;
  readonly spans: Map<string, SpanView>;
  error: boolean;
}

/** The tail of recent traces, assembled by trace id from every sender. */
export class RecentTraces {
  readonly #traces = new Map<string, Trace>();

  /** @returns false when the trace is full and the span was dropped; a span sent twice is kept once */
  add(resource: Resource, span: SpanData): boolean {
    const trace = this.#traces.get(span.traceId) ?? this.#begin(span.traceId);
    if (trace.spans.size >= SPANS_PER_TRACE_LIMIT && !trace.spans.has(span.spanId)) return false;
    const view = viewOf(resource, span);
    trace.spans.set(span.spanId, view);
    trace.error ||= view.error;
    return true;
  }

  get(traceId: string): TraceView | undefined {
    const trace = this.#traces.get(traceId);
    return trace === undefined ? undefined : assemble(trace);
  }

  /** Newest first. */
  newest(count: number): TraceView[] {
    return [...this.#traces.values()].slice(-count).map(assemble).toReversed();
  }

  /** The newest trace in which this service failed: an exemplar for its alerts. */
  newestError(service: string): string | undefined {
    const failed = [...this.#traces.values()].findLast(({ error, spans }) => {
      return error && [...spans.values()].some((span) => span.error && span.service === service);
    });
    return failed?.traceId;
  }

  #begin(traceId: string): Trace {
    const [oldest] = this.#traces.keys();
    if (this.#traces.size >= TRACE_LIMIT && oldest !== undefined) this.#traces.delete(oldest);
    const trace = { traceId, spans: new Map(), error: false };
    this.#traces.set(traceId, trace);
    return trace;
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
    service: String(resource["service.name"] ?? "unknown"),
    name: span.name.slice(0, VALUE_LIMIT),
    kind: KIND_NAME[span.kind],
    startMs: Number(span.startNs) / NS_PER_MS,
    durationMs: Math.max(0, Number(span.endNs - span.startNs)) / NS_PER_MS,
    error: span.statusCode === STATUS_CODE.error,
    attributes: Object.fromEntries(attributes.map(([key, value]) => [key, String(value).slice(0, VALUE_LIMIT)])),
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
