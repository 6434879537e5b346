import { SPAN_KIND, type SpanData, STATUS_CODE } from "../../core/wire/otlp/model.ts";
import type { Exchange } from "../http/server.ts";
import { PATH_SHOWN_LIMIT } from "../limits.ts";
import { SIDECAR_METRICS } from "../metrics.ts";
import { EVERY_METRIC, type Reading } from "./catalogue.ts";
import type { Direction } from "./recorder.ts";
import { Recorder } from "./recorder.ts";
import { Tracer, type TraceSpan } from "./tracer.ts";

/** Whose telemetry this is. */
export interface Whose {
  readonly namespace: string;
  readonly service: string;
  readonly pod: string;
}

/** Values read at scrape time. `undefined`: not known yet, so no sample. */
export interface Gauges {
  connections(): Readonly<Record<Direction, number>>;
  certificateExpirySeconds(): number | undefined;
  configAgeSeconds(): number | undefined;
}

/** One request as it is watched, from its head to the last byte of its response. */
export interface Observed {
  readonly direction: Direction;
  readonly trace: TraceSpan;
  readonly method: string;
  /** Its first PATH_SHOWN_LIMIT characters. */
  readonly path: string;
  readonly startedMs: number;
  /** The other side's service; outbound learns it when it routes. */
  peer: string;
}

/** How a watched request ended. */
export interface Outcome {
  readonly status: number;
  /** The code it was refused with. */
  readonly code?: string;
}

const ERROR_STATUS = 500;
const NOT_LET_IN: ReadonlySet<string> = new Set(["MTLS_REQUIRED", "POLICY_DENIED"]);
const NAME: Readonly<Record<Direction, number>> = { inbound: SPAN_KIND.server, outbound: SPAN_KIND.client };

/** What the path reports to; rendered on scrape and export, never on the way. */
export class Telemetry {
  readonly recorder = new Recorder();
  readonly tracer: Tracer;
  droppedMetricExports = 0;
  readonly #whose: () => Whose;
  #gauges: Gauges | undefined;

  constructor(whose: () => Whose, sampleRatio: number) {
    this.#whose = whose;
    this.tracer = new Tracer(sampleRatio);
  }

  watch(gauges: Gauges): void {
    this.#gauges = gauges;
  }

  begin(exchange: Exchange, direction: Direction, peer: string): Observed {
    const { request, head, startedMs } = exchange;
    const field = request.traceparent;
    const traceparent = field < 0 ? undefined : exchange.text(head.valueStart(field), head.valueEnd(field));
    const { pathStart, pathEnd, method } = request;
    const path = exchange.text(pathStart, Math.min(pathEnd, pathStart + PATH_SHOWN_LIMIT));
    return {
      direction,
      trace: this.tracer.begin(traceparent),
      method,
      path: path === "" ? "/" : path,
      startedMs,
      peer,
    };
  }

  end(observed: Observed, outcome: Outcome): void {
    const endMs = performance.now();
    const { direction, method } = observed;
    const route = this.#route(observed, outcome);
    const seconds = Math.max(0, endMs - observed.startedMs) / 1000;
    const peer = this.recorder.peers.number(observed.peer);
    this.recorder.finished({ direction, peer, route, method, status: outcome.status, seconds });
    if (observed.trace.sampled) this.tracer.record(this.#span(observed, outcome, route, endMs));
  }

  #route({ method, path }: Observed, { code }: Outcome): number {
    const { routes } = this.recorder;
    return code !== undefined && NOT_LET_IN.has(code) ? routes.known(method, path) : routes.number(method, path);
  }

  #span(observed: Observed, { status, code }: Outcome, route: number, endMs: number): SpanData {
    const { trace, direction, method, path, peer } = observed;
    const name = this.recorder.routes.name(route);
    const failed = status >= ERROR_STATUS || (direction === "outbound" && status >= 400);
    const query = path.indexOf("?");
    const { traceId, spanId, parentSpanId } = trace;
    return {
      traceId,
      spanId,
      ...(parentSpanId === undefined ? {} : { parentSpanId }),
      name,
      kind: NAME[direction] as SpanData["kind"],
      startNs: this.tracer.epochNs(observed.startedMs),
      endNs: this.tracer.epochNs(endMs),
      attributes: {
        "http.request.method": method,
        "http.response.status_code": status,
        "url.path": query === -1 ? path : path.slice(0, query),
        "outrider.direction": direction,
        "outrider.peer": peer,
        ...(code === undefined ? {} : { "error.type": code }),
      },
      statusCode: failed ? STATUS_CODE.error : STATUS_CODE.unset,
      ...(code === undefined ? {} : { statusMessage: code }),
    };
  }

  denied(direction: Direction, peer: string, rule: string): void {
    this.recorder.rare.add(SIDECAR_METRICS.denied.name, { direction, peer, rule });
  }

  malformed(direction: Direction, reason: string): void {
    this.recorder.rare.add(SIDECAR_METRICS.malformed.name, { direction, reason });
  }

  handshake(direction: Direction, result: string): void {
    this.recorder.rare.add(SIDECAR_METRICS.handshakes.name, { direction, result });
  }

  readings(): Reading[] {
    const whose = { ...this.#whose() };
    return EVERY_METRIC.map((spec) => {
      const samples = this.#samples(spec.name).map(({ labels, value }) => ({ labels: { ...whose, ...labels }, value }));
      return { spec, samples };
    });
  }

  #samples(name: string): Reading["samples"] {
    switch (name) {
      case SIDECAR_METRICS.requests.name:
        return this.recorder.requests().map(({ value, ...labels }) => ({ labels, value }));
      case SIDECAR_METRICS.duration.name:
        return this.recorder.durations().map(({ histogram, ...labels }) => ({ labels, value: histogram }));
      case SIDECAR_METRICS.connections.name:
        return Object.entries(this.#gauges?.connections() ?? {}).map(([direction, value]) => ({
          labels: { direction },
          value,
        }));
      case SIDECAR_METRICS.certificateExpiry.name:
        return gauge(this.#gauges?.certificateExpirySeconds());
      case SIDECAR_METRICS.configAge.name:
        return gauge(this.#gauges?.configAgeSeconds());
      case SIDECAR_METRICS.exportDropped.name:
        return [
          { labels: { signal: "traces" }, value: this.tracer.dropped },
          { labels: { signal: "metrics" }, value: this.droppedMetricExports },
        ];
      default:
        return this.recorder.rare.of(name);
    }
  }
}

function gauge(value: number | undefined): Reading["samples"] {
  return value === undefined ? [] : [{ labels: {}, value }];
}
