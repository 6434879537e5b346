import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { decodeMetrics, decodeTraces } from "../../core/wire/otlp/otlp.ts";
import { formatTraceparent, parseTraceparent } from "../../core/wire/trace-context.ts";
import { CLASSIC_BOUNDS, classicCounts, Histogram, SCALE, trimmed } from "../../sidecar/telemetry/histogram.ts";
import { Recorder } from "../../sidecar/telemetry/recorder.ts";
import { LabelTable, RouteTable, routeTemplate } from "../../sidecar/telemetry/routes.ts";
import { Tracer } from "../../sidecar/telemetry/tracer.ts";
import { get, openSmallMesh } from "../support/small-mesh.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

/** Takes OTLP and keeps what arrived. */
async function collector() {
  const got: { path: string; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    got.push({ path: request.url ?? "", body: Buffer.concat(chunks) });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, got, close: () => void server.close().closeAllConnections() };
}

describe("what two sidecars report of a request", () => {
  it("is counted once on each side, with the peer's service, and one trace through both", async () => {
    const sink = await collector();
    const mesh = await openSmallMesh(["web", "payments"]);
    const config = { collector: { url: sink.url, interval: "20ms" } };
    const web = await mesh.start({ name: "web", config });
    const payments = await mesh.start({ name: "payments", config });
    const traceparent = `traceparent: ${formatTraceparent(TRACE, PARENT, true)}`;
    for (let i = 0; i < 3; i++) await get(web.outbound, "payments", `/orders/${i}`, [traceparent]);
    const metrics = await (await fetch(`http://${payments.admin}/metrics`)).text();
    const labels = 'namespace="shop",service="payments",pod="payments-1",peer="web",route="GET /orders/*"';
    expect(metrics).toContain(`outrider_requests_total{direction="inbound",${labels},method="GET",status="200"} 3\n`);
    expect(metrics).toContain(`outrider_request_duration_seconds_count{direction="inbound",${labels}} 3\n`);
    expect(metrics).toContain(
      'outrider_tls_handshakes_total{direction="inbound",namespace="shop",service="payments",pod="payments-1",result="ok"} 1\n',
    );
    const outside = await (await fetch(`http://${web.admin}/metrics`)).text();
    expect(outside).toContain(
      'outrider_requests_total{direction="outbound",namespace="shop",service="web",pod="web-1",peer="payments",route="GET /orders/*",method="GET",status="200"} 3\n',
    );
    await mesh.close();
    sink.close();

    const spans = sink.got
      .filter(({ path }) => path === "/v1/traces")
      .flatMap(({ body }) =>
        decodeTraces(body, "protobuf").parts.flatMap(({ resource, items }) =>
          items.map((span) => ({ ...span, service: resource["service.name"] })),
        ),
      );
    expect(spans).toHaveLength(6);
    const client = spans.find((span) => span.service === "web");
    expect(client).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, name: "GET /orders/*", kind: 3 });
    expect(spans.find((span) => span.parentSpanId === client?.spanId)).toMatchObject({
      traceId: TRACE,
      service: "payments",
      kind: 2,
    });
    const last = sink.got
      .filter(({ path }) => path === "/v1/metrics")
      .flatMap(({ body }) => decodeMetrics(body, "protobuf").parts)
      .filter((r) => r.resource["service.name"] === "payments")
      .at(-1);
    expect(last?.resource).toMatchObject({
      "outrider.component": "sidecar",
      "service.instance.id": payments.uid,
      "k8s.pod.name": "payments-1",
      "service.namespace": "shop",
    });
    expect(last?.items.find((m) => m.name === "outrider_requests_total")?.points).toMatchObject([
      { value: 3, attributes: { peer: "web", status: "200" } },
    ]);
  });

  it("is dropped and counted when the collector stays away, and traffic goes on", async () => {
    const mesh = await openSmallMesh(["web"]);
    const config = { collector: { url: "http://127.0.0.1:9", interval: "10ms" } };
    const web = await mesh.start({ name: "web", config });
    expect((await get(web.outbound, "web")).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const metrics = await (await fetch(`http://${web.admin}/metrics`)).text();
    expect(Number(/outrider_export_dropped_total\{[^}]*signal="metrics"\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(
      0,
    );
    await mesh.close();
  });
});

describe("an export", () => {
  it("goes on after a collector that broke off in the middle of its answer", async () => {
    let asked = 0;
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        asked++;
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const mesh = await openSmallMesh(["web"]);
    const config = { collector: { url: `http://127.0.0.1:${port}`, interval: "10ms" } };
    await mesh.start({ name: "web", config });
    const endMs = performance.now() + 3000;
    while (asked < 3 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(asked).toBeGreaterThanOrEqual(3);
    await mesh.close();
    server.close();
  });

  it("keeps only the beginning of a long path", async () => {
    const sink = await collector();
    const mesh = await openSmallMesh(["web"]);
    const web = await mesh.start({ name: "web", config: { collector: { url: sink.url, interval: "10ms" } } });
    expect((await get(web.outbound, "web", `/${"x".repeat(12_000)}`)).status).toBe(200);
    await mesh.close();
    sink.close();
    const spans = sink.got
      .filter(({ path }) => path === "/v1/traces")
      .flatMap(({ body }) => decodeTraces(body, "protobuf").parts.flatMap(({ items }) => items));
    expect(spans.map(({ attributes }) => String(attributes["url.path"]).length)).toEqual([1024, 1024]);
  });
});

describe("a route label", () => {
  it.each([
    ["/", "GET /"],
    ["/pay?card=4111", "GET /pay"],
    ["/orders/123/items/9", "GET /orders/*/items/*"],
    ["/u/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "GET /u/*"],
    ["/commit/deadbeef01", "GET /commit/*"],
    ["/added", "GET /added"],
    [`/t/${"x".repeat(33)}`, "GET /t/*"],
    ["/a%2Fb/c", "GET /*/c"],
    ["/1/2/3/4/5/6/7/8/9/10", "GET /*/*/*/*/*/*/*/*/*"],
  ])("of %s is %s", (path, label) => expect(routeTemplate("GET", path)).toBe(label));

  it("is one of at most 64, then other", () => {
    const table = new RouteTable();
    const names = Array.from({ length: 5000 }, (_, i) => table.name(table.number("GET", `/word-${i.toString(36)}x`)));
    expect(new Set(names).size).toBe(65);
    expect(names.at(-1)).toBe("other");
  });

  it("of peers is bounded the same way", () => {
    const table = new LabelTable(2);
    expect(["a", "b", "c", "a"].map((name) => table.name(table.number(name)))).toEqual(["a", "b", "other", "a"]);
  });
});

describe("the recorder", () => {
  it("loses no request when series run out", () => {
    const recorder = new Recorder();
    for (let i = 0; i < 10_000; i++) {
      recorder.finished({
        direction: i % 2 ? "inbound" : "outbound",
        peer: i % 250,
        route: i % 60,
        method: "GET",
        status: 200 + (i % 300),
        seconds: 0.01,
      });
    }
    expect(recorder.requests().reduce((sum, { value }) => sum + value, 0)).toBe(10_000);
    expect(recorder.durations().reduce((sum, { histogram }) => sum + histogram.count, 0)).toBe(10_000);
    expect(recorder.requests().length).toBeLessThanOrEqual(4097);
    expect(recorder.durations().length).toBeLessThanOrEqual(513);
  });
});

describe("the histogram", () => {
  it("counts every duration in the bucket that holds it", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-5, max: 100, noNaN: true }), (seconds) => {
        const histogram = new Histogram();
        histogram.record(seconds);
        const { offset } = trimmed(histogram);
        const base = 2 ** (2 ** -SCALE);
        expect(seconds).toBeGreaterThan(base ** offset * (1 - 1e-9));
        expect(seconds).toBeLessThanOrEqual(base ** (offset + 1) * (1 + 1e-9));
      }),
    );
  });

  it("keeps what is out of range in its first and last bucket", () => {
    const histogram = new Histogram();
    for (const seconds of [0, 1e-9, 1e6]) histogram.record(seconds);
    expect(classicCounts(histogram).at(0)).toBe(2);
    expect(classicCounts(histogram).at(-1)).toBe(3);
    expect(CLASSIC_BOUNDS.at(-1)).toBe(128);
  });
});

describe("traceparent", () => {
  it("is read as W3C says", () => {
    expect(parseTraceparent(`00-${TRACE}-${PARENT}-01`)).toEqual({ traceId: TRACE, spanId: PARENT, sampled: true });
    expect(parseTraceparent(`00-${TRACE}-${PARENT}-00`)?.sampled).toBe(false);
    expect(parseTraceparent(`cc-${TRACE}-${PARENT}-01-what-comes-later`)?.sampled).toBe(true);
  });

  it.each([
    ["an all-zero trace id", `00-${"0".repeat(32)}-${PARENT}-01`],
    ["an all-zero span id", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["upper case", `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ["version ff", `ff-${TRACE}-${PARENT}-01`],
    ["something after version 00", `00-${TRACE}-${PARENT}-01-x`],
    ["a short id", `00-${TRACE.slice(1)}-${PARENT}-01`],
  ])("with %s begins a new trace", (_, text) => {
    expect(parseTraceparent(text)).toBeUndefined();
    expect(new Tracer(1).begin(text)).toMatchObject({ parentSpanId: undefined, sampled: true });
  });

  it("decides about sampling for those below; new traces follow the ratio", () => {
    expect(new Tracer(0).begin(`00-${TRACE}-${PARENT}-01`).sampled).toBe(true);
    expect(new Tracer(1).begin(`00-${TRACE}-${PARENT}-00`).sampled).toBe(false);
    expect(new Tracer(0).begin(undefined).sampled).toBe(false);
  });

  it("never gets the same id twice", () => {
    const tracer = new Tracer(1);
    const ids = Array.from({ length: 2000 }, () => tracer.begin(undefined));
    expect(new Set(ids.flatMap(({ traceId, spanId }) => [traceId, spanId])).size).toBe(4000);
  });
});
