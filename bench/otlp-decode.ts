/** Time to read and roll up what a fleet sends: 1,000 spans, and 1,000 points of 100 sidecars' counters. */
import { bench, run } from "mitata";
import { CLASSIC_BOUNDS } from "../collector/rollup/histogram.ts";
import { Rollup } from "../collector/rollup/rollup.ts";
import type { NumberPoint, SpanData } from "../core/wire/otlp/model.ts";
import { decodeMetrics, decodeTraces, encodeMetrics, encodeTraces } from "../core/wire/otlp/otlp.ts";

const COUNT = 1_000;
const RESOURCE = { "service.name": "payments", "service.instance.id": "uid-1", "outrider.component": "sidecar" };
const numbers = Array.from({ length: COUNT }, (_, index) => index);

const spans = numbers.map((index): SpanData => {
  const id = index.toString(16).padStart(16, "1");
  const attributes = { "http.request.method": "POST", "http.response.status_code": 200, "http.route": "/pay" };
  const times = { startNs: 1_767_225_600_000_000_000n, endNs: 1_767_225_600_010_000_000n };
  return { traceId: id + id, spanId: id, name: "POST /pay", kind: 2, ...times, attributes, statusCode: 0 };
});

const points = numbers.map((index): NumberPoint => {
  const where = { direction: "inbound", namespace: "shop", service: "payments", pod: `payments-${index % 100}` };
  const attributes = { ...where, peer: "checkout", route: `POST /pay/${index % 10}`, method: "POST", status: "200" };
  return { attributes, startNs: 1n, timeNs: 2n, value: index };
});

const traceBytes = encodeTraces(RESOURCE, spans);
const metricBytes = encodeMetrics(RESOURCE, [{ name: "outrider_requests_total", unit: "1", kind: "sum", points }]);
const [part] = decodeMetrics(metricBytes, "protobuf").parts;
const rollup = new Rollup({ bounds: CLASSIC_BOUNDS });

bench(`decode ${COUNT} spans, ${traceBytes.length} bytes`, () => decodeTraces(traceBytes, "protobuf"));
bench(`decode ${COUNT} points, ${metricBytes.length} bytes`, () => decodeMetrics(metricBytes, "protobuf"));
bench(`roll up ${COUNT} decoded points`, () => rollup.apply(part!.resource, part!.items, 0));
bench(`encode ${COUNT} spans`, () => encodeTraces(RESOURCE, spans));
await run();
