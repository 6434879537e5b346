/** A span's attributes as services set them. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What a service may do with a span that is open. */
export interface OpenSpan {
  set(attributes: SpanAttributes): void;
  /** The W3C trace id, 32 hex digits; empty when nothing is traced. */
  readonly traceId: string;
}

export interface SpanOptions {
  readonly kind?: "internal" | "server" | "client";
  readonly attributes?: SpanAttributes;
  /** The caller's W3C `traceparent` header, where there was one. */
  readonly traceparent?: string | undefined;
}

/** The services' own traces. */
export interface Tracing {
  /** Runs `work` in a span that ends with it; an error marks the span and passes on. Spans inside nest. */
  withSpan<T>(name: string, options: SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface TracingOptions {
  /** "admission": resource attributes outrider.component and service.name ("outrider-admission"). */
  readonly component: string;
  /** service.instance.id */
  readonly instance: string;
  /** The collector: "http://127.0.0.1:4318"; absent, nothing is traced and nothing is loaded. */
  readonly url?: string | undefined;
  /** Time between exports, in milliseconds. */
  readonly intervalMs?: number;
}

/** Longest wait for the last spans to leave at close, in milliseconds. */
export const TRACING_CLOSE_DEADLINE_MS = 2000;

const NOT_TRACED: OpenSpan = { set: () => {}, traceId: "" };

/** For services without a collector, and for tests. */
export const NO_TRACING: Tracing = {
  withSpan: (_name, _options, work) => work(NOT_TRACED),
  close: () => Promise.resolve(),
};

/**
 * Starts tracing to the collector over OTLP/HTTP protobuf. This is the one module that loads @opentelemetry/sdk-node
 * (0.4 s and 50 MB), and only when there is a collector.
 */
export async function startTracing({ component, instance, url, intervalMs = 500 }: TracingOptions): Promise<Tracing> {
  if (url === undefined) return NO_TRACING;
  const [{ NodeSDK, resources, tracing }, { OTLPTraceExporter }, api] = await Promise.all([
    import("@opentelemetry/sdk-node"),
    import("@opentelemetry/exporter-trace-otlp-proto"),
    import("@opentelemetry/api"),
  ]);
  const exporter = new OTLPTraceExporter({
    url: new URL("/v1/traces", url).href,
    timeoutMillis: TRACING_CLOSE_DEADLINE_MS,
  });
  const sdk = new NodeSDK({
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [], // left out, metrics and logs would go to the SDK's own default address
    logRecordProcessors: [],
    resource: resources.resourceFromAttributes({
      "service.name": `outrider-${component}`,
      "service.instance.id": instance,
      "outrider.component": component,
    }),
    spanProcessors: [new tracing.BatchSpanProcessor(exporter, { scheduledDelayMillis: intervalMs })],
  });
  sdk.start();
  return {
    withSpan: spanRunner(api, component),
    close: async () => {
      await closeWithin(sdk.shutdown(), TRACING_CLOSE_DEADLINE_MS);
      for (const global of [api.trace, api.context, api.propagation]) global.disable();
    },
  };
}

/**
 * The same without waiting for the SDK to load: work before that is done untraced. For services whose start others
 * wait for.
 */
export function startTracingLater(options: TracingOptions): Tracing {
  let current = NO_TRACING;
  const loading = startTracing(options).then(
    (tracing) => {
      current = tracing;
    },
    () => {}, // a service that cannot load its tracing still serves
  );
  return {
    withSpan: (name, spanOptions, work) => current.withSpan(name, spanOptions, work),
    close: async () => {
      await loading;
      await current.close();
    },
  };
}

type Api = typeof import("@opentelemetry/api");

function spanRunner(api: Api, component: string): Tracing["withSpan"] {
  const tracer = api.trace.getTracer(`outrider-${component}`);
  const kinds = { internal: api.SpanKind.INTERNAL, server: api.SpanKind.SERVER, client: api.SpanKind.CLIENT };
  return (name, { kind = "internal", attributes = {}, traceparent }, work) => {
    const active = api.context.active();
    const parent = traceparent === undefined ? active : api.propagation.extract(active, { traceparent });
    return tracer.startActiveSpan(name, { kind: kinds[kind], attributes }, parent, async (span) => {
      const open: OpenSpan = { set: (more) => void span.setAttributes(more), traceId: span.spanContext().traceId };
      try {
        return await work(open);
      } catch (thrown) {
        span.setStatus({
          code: api.SpanStatusCode.ERROR,
          message: thrown instanceof Error ? thrown.message : String(thrown),
        });
        throw thrown;
      } finally {
        span.end();
      }
    });
  };
}

/** A collector that is away must not hold up the service's stop. */
async function closeWithin(work: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([work.catch(() => {}), deadline]);
  clearTimeout(timer);
}
