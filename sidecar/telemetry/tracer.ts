import { randomFillSync } from "node:crypto";
import type { SpanData } from "../../core/wire/otlp/model.ts";
import { parseTraceparent } from "../../core/wire/trace-context.ts";
import { SPAN_QUEUE_LIMIT } from "../limits.ts";

const ID_BATCH_BYTES = 4096;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** Where one request stands in its trace. */
export interface TraceSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly sampled: boolean;
}

/** Continues or begins traces, and holds finished spans until they are exported. */
export class Tracer {
  dropped = 0;
  readonly #ratio: number;
  readonly #random = Buffer.alloc(ID_BATCH_BYTES);
  #at = ID_BATCH_BYTES;
  #spans: SpanData[] = [];
  readonly #originNs = BigInt(Math.round(performance.timeOrigin * 1e6));

  /** @param ratio  share of traces begun here that are sampled; a caller's decision is kept */
  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /** Once per request; random bytes come in batches. */
  begin(traceparent: string | undefined): TraceSpan {
    const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent);
    const spanId = this.#id(SPAN_ID_BYTES);
    if (parent !== undefined)
      return { traceId: parent.traceId, spanId, parentSpanId: parent.spanId, sampled: parent.sampled };
    return { traceId: this.#id(TRACE_ID_BYTES), spanId, parentSpanId: undefined, sampled: Math.random() < this.#ratio };
  }

  record(span: SpanData): void {
    if (this.#spans.length < SPAN_QUEUE_LIMIT) this.#spans.push(span);
    else this.dropped++;
  }

  /** Takes up to `most` spans out of the queue. */
  take(most: number): SpanData[] {
    return this.#spans.splice(0, most);
  }

  /** Puts back what could not be sent, as far as there is room. */
  giveBack(spans: readonly SpanData[]): void {
    const room = SPAN_QUEUE_LIMIT - this.#spans.length;
    this.dropped += Math.max(0, spans.length - room);
    this.#spans.unshift(...spans.slice(0, Math.max(0, room)));
  }

  /** Nanoseconds since the epoch of a `performance.now()` reading. */
  epochNs(monotonicMs: number): bigint {
    return this.#originNs + BigInt(Math.round(monotonicMs * 1e6));
  }

  /** Never all zero. */
  #id(length: number): string {
    if (this.#at + length > ID_BATCH_BYTES) {
      randomFillSync(this.#random);
      this.#at = 0;
    }
    const id = this.#random.toString("hex", this.#at, this.#at + length);
    this.#at += length;
    return /^0+$/.test(id) ? this.#id(length) : id;
  }
}
