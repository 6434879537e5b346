import { afterAll, describe, expect, it } from "@jest/globals";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resources, tracing } from "@opentelemetry/sdk-node";
import { testFolder } from "./support/collector.ts";

const folder = testFolder();
afterAll(() => folder.remove());

describe("spans that OpenTelemetry's own SDK exports", () => {
  it("arrive with their names, times, attributes and parents", async () => {
    const collector = await folder.start();
    const exporter = new OTLPTraceExporter({ url: `${collector.otlp}/v1/traces` });
    const provider = new tracing.BasicTracerProvider({
      resource: resources.resourceFromAttributes({ "service.name": "shop-frontend" }),
      spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
    });
    const tracer = provider.getTracer("test");
    const parent = tracer.startSpan("GET /cart", { kind: SpanKind.SERVER, startTime: [1_767_225_600, 0] });
    parent.setAttributes({ "http.route": "/cart", retries: 3, ratio: 0.25, ok: true, tags: ["a", "b"] });
    parent.setStatus({ code: SpanStatusCode.ERROR, message: "no stock" });
    parent.end([1_767_225_600, 250_000_000]);
    await provider.forceFlush();
    await provider.shutdown();
    const { traceId, spanId } = parent.spanContext();
    const trace = await (await fetch(`${collector.web}/api/v1/traces/${traceId}`)).json();
    expect(trace).toMatchObject({ rootName: "GET /cart", services: ["shop-frontend"], error: true, durationMs: 250 });
    expect(trace.spans).toEqual([
      expect.objectContaining({
        spanId,
        kind: "server",
        startMs: 1_767_225_600_000,
        attributes: { "http.route": "/cart", retries: "3", ratio: "0.25", ok: "true", tags: '["a","b"]' },
      }),
    ]);
  });
});
