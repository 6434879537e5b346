import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ServiceGraph, totalsOf } from "../../collector/rollup/graph.ts";
import { CLASSIC_BOUNDS } from "../../collector/rollup/histogram.ts";
import { metricName } from "../../collector/rollup/names.ts";
import { RED_SERIES } from "../../collector/rollup/red.ts";
import { Rollup } from "../../collector/rollup/rollup.ts";
import { restoreRollup, snapshotRollup } from "../../collector/rollup/rollup-snapshot.ts";
import { SERIES_PER_METRIC_LIMIT } from "../../collector/rollup/series.ts";
import type { Attributes, ReceivedMetric } from "../../core/wire/otlp/model.ts";
import { SIDECAR_METRICS } from "../../sidecar/metrics.ts";

const NOW = Date.UTC(2026, 0, 1);
const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n;
const SENDER = { "outrider.component": "sidecar", "service.instance.id": "uid-1" };
const COMMON = {
  name: "outrider_requests_total",
  unit: "1",
  help: "",
  kind: "sum",
  temporality: "cumulative",
  monotonic: true,
} as const;

function requests(
  value: number,
  timeMs: number,
  options: { startMs?: number; attributes?: Attributes } = {},
): ReceivedMetric {
  const { startMs = NOW, attributes = { pod: "a" } } = options;
  return { ...COMMON, points: [{ attributes, startNs: ns(startMs), timeNs: ns(timeMs), value }] };
}

const rollup = (): Rollup => new Rollup({ bounds: CLASSIC_BOUNDS });

function total(of: Rollup, name: string = COMMON.name): number {
  return [...(of.families.get(name)?.series.values() ?? [])].reduce((sum, { value }) => sum + value, 0);
}

describe("a cumulative counter is counted once", () => {
  it("when it grows", () => {
    const r = rollup();
    r.apply(SENDER, [requests(5, NOW + 1)], NOW);
    r.apply(SENDER, [requests(8, NOW + 2)], NOW);
    expect(total(r)).toBe(8);
  });

  it("when an export is sent twice, or arrives late", () => {
    const r = rollup();
    for (const [value, timeMs] of [
      [5, 1],
      [8, 2],
      [8, 2],
      [5, 1],
      [9, 3],
    ] as const) {
      r.apply(SENDER, [requests(value, NOW + timeMs)], NOW);
    }
    expect(total(r)).toBe(9);
  });

  it("when the sender restarts with a new start time, even with the old one's last export arriving late", () => {
    const r = rollup();
    r.apply(SENDER, [requests(5, NOW + 1)], NOW);
    r.apply(SENDER, [requests(2, NOW + 10, { startMs: NOW + 9 })], NOW);
    r.apply(SENDER, [requests(7, NOW + 8)], NOW);
    r.apply(SENDER, [requests(3, NOW + 11, { startMs: NOW + 9 })], NOW);
    expect(total(r)).toBe(10);
  });

  it("when the sender learns its own service name only later", () => {
    const r = rollup();
    r.apply(SENDER, [requests(5, NOW + 1)], NOW);
    r.apply({ ...SENDER, "service.name": "payments" }, [requests(8, NOW + 2)], NOW);
    expect(total(r)).toBe(8);
  });

  it("when the sender restarts without saying so", () => {
    const r = rollup();
    r.apply(SENDER, [requests(5, NOW + 1)], NOW);
    r.apply(SENDER, [requests(2, NOW + 2)], NOW);
    expect(total(r)).toBe(7);
  });

  it("whatever is lost, repeated, reordered or restarted, as long as the last export arrives", () => {
    const step = fc.record({
      served: fc.nat({ max: 50 }),
      fate: fc.constantFrom("sent", "lost", "twice", "late", "restart"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const r = rollup();
        const late: ReceivedMetric[] = [];
        let [startMs, timeMs, value, served] = [NOW, NOW, 0, 0];
        for (const { served: count, fate } of steps) {
          value += count;
          served += count;
          const exported = requests(value, ++timeMs, { startMs });
          if (fate === "sent" || fate === "twice" || fate === "restart") r.apply(SENDER, [exported], NOW);
          if (fate === "twice") r.apply(SENDER, [exported], NOW);
          if (fate === "late") late.push(exported);
          if (fate === "restart") [startMs, value] = [++timeMs, 0];
        }
        r.apply(SENDER, [requests(value, ++timeMs, { startMs })], NOW);
        for (const exported of late) r.apply(SENDER, [exported], NOW);
        expect(total(r)).toBe(served);
      }),
    );
  });

  it("across a restart of the collector itself", () => {
    const before = rollup();
    before.apply(SENDER, [requests(5, NOW + 1)], NOW);
    const after = rollup();
    restoreRollup(after, JSON.parse(JSON.stringify(snapshotRollup(before))));
    after.apply(SENDER, [requests(8, NOW + 2)], NOW);
    expect(total(after)).toBe(8);
  });

  it("and dated only when it is known when it happened", () => {
    const longAgo = { startMs: NOW - 3_600_000 };
    const r = rollup();
    expect(r.apply(SENDER, [requests(1000, NOW, longAgo)], NOW).increments[0]?.undated).toBe(true);
    const errors = requests(3, NOW + 1, { ...longAgo, attributes: { pod: "a", status: "503" } });
    expect(r.apply(SENDER, [errors], NOW).increments[0]).toMatchObject({ value: 3, undated: false });
    expect(total(r)).toBe(1003);
  });
});

describe("a rollup is bounded", () => {
  it("by an overflow series that keeps totals exact", () => {
    const r = rollup();
    for (let pod = 0; pod < SERIES_PER_METRIC_LIMIT + 50; pod++) {
      r.apply(SENDER, [requests(2, NOW, { attributes: { pod: `p${pod}` } })], NOW);
    }
    const family = r.families.get(COMMON.name)!;
    expect(family.series.size).toBe(SERIES_PER_METRIC_LIMIT + 1);
    expect(total(r)).toBe(2 * (SERIES_PER_METRIC_LIMIT + 50));
    const overflow = [...family.series.values()].find(({ labels }) => labels["otel_metric_overflow"] === "true");
    expect(overflow?.value).toBe(100);
  });

  it("and rejects a metric whose name another type has", () => {
    const r = rollup();
    r.apply(SENDER, [requests(1, NOW)], NOW);
    const gauge: ReceivedMetric = {
      name: COMMON.name,
      unit: "1",
      help: "",
      kind: "gauge",
      points: requests(1, NOW).points as never,
    };
    expect(r.apply(SENDER, [gauge], NOW)).toMatchObject({ accepted: 0, rejected: { type_conflict: 1 } });
  });
});

describe("an exponential histogram", () => {
  const point = (counts: number[], timeMs: number, scale = 3, offset = -24): ReceivedMetric => ({
    name: "outrider_request_duration_seconds",
    unit: "s",
    help: "",
    kind: "exponential",
    temporality: "cumulative",
    points: [
      {
        attributes: {},
        startNs: ns(NOW),
        timeNs: ns(timeMs),
        count: counts.reduce((sum, n) => sum + n, 0),
        sum: 1,
        scale,
        zeroCount: 0,
        offset,
        counts,
      },
    ],
  });

  it("becomes classic buckets that hold every observation once", () => {
    const r = rollup();
    r.apply(SENDER, [point([1, 2, 3], NOW + 1)], NOW);
    r.apply(SENDER, [point([1, 5, 3], NOW + 2)], NOW);
    const [series] = r.families.get("outrider_request_duration_seconds")!.series.values();
    expect(series?.value).toBe(9);
    expect(series?.buckets.at(-1)).toBeCloseTo(9, 9);
    expect(series?.buckets[CLASSIC_BOUNDS.indexOf(0.1)]).toBe(0);
    expect(series?.buckets[CLASSIC_BOUNDS.indexOf(0.25)]).toBeCloseTo(9, 9);
  });

  it("whose sender lowers the scale midway loses and doubles nothing", () => {
    const r = rollup();
    r.apply(SENDER, [point([1, 2, 3, 4], NOW + 1, 3, -24)], NOW);
    const { increments } = r.apply(SENDER, [point([3, 8], NOW + 2, 2, -12)], NOW);
    expect(increments[0]?.histogram?.cells).toEqual([expect.objectContaining({ count: 1 })]);
    expect(increments[0]?.value).toBe(1);
  });
});

describe("names become Prometheus names", () => {
  it.each([
    ["http.server.request.duration", "s", "histogram", "http_server_request_duration_seconds"],
    ["http.requests", "{request}", "counter", "http_requests_total"],
    ["jvm.memory.used", "By", "gauge", "jvm_memory_used_bytes"],
    ["cpu.utilization", "1", "gauge", "cpu_utilization_ratio"],
    ["outrider_connections", "1", "gauge", "outrider_connections"],
    ["1weird name", "", "gauge", "_1weird_name"],
  ] as const)("%s in %s as %s: %s", (name, unit, type, expected) => {
    expect(metricName(name, unit, type)).toBe(expected);
  });
});

describe("the service map", () => {
  const series = { family: { name: "outrider_requests_total" } } as never;
  const increment = (direction: string, service: string, peer: string, status: string, value: number) => ({
    series,
    metric: RED_SERIES.requests,
    labels: { direction, service, peer, status },
    value,
    undated: false,
  });

  it("counts a call once although both sidecars report it", () => {
    const graph = new ServiceGraph();
    graph.add(increment("outbound", "web", "checkout", "200", 10), NOW);
    graph.add(increment("inbound", "checkout", "web", "200", 8), NOW);
    expect(graph.edges).toHaveLength(1);
    expect(totalsOf(graph.edges[0]!)).toEqual({ requests: 10, failed: 0, denied: 0 });
  });

  it("shows the client's failures when the server is down", () => {
    const graph = new ServiceGraph();
    graph.add(increment("outbound", "web", "checkout", "503", 4), NOW);
    expect(graph.edges[0]).toMatchObject({ client: "web", server: "checkout" });
    expect(totalsOf(graph.edges[0]!)).toEqual({ requests: 4, failed: 4, denied: 0 });
  });

  it("reads the series that the sidecars write", () => {
    expect(Object.values(RED_SERIES)).toEqual([
      SIDECAR_METRICS.requests.name,
      SIDECAR_METRICS.duration.name,
      SIDECAR_METRICS.denied.name,
    ]);
  });
});
