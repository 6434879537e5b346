import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { EdgeView, Overview, SpanView, TraceView } from "../../collector/overview.ts";
import { EdgeWindow, RECENT_MS } from "../../collector/page/map/edge-window.ts";
import { layoutMap, pathThrough } from "../../collector/page/map/map-layout.ts";
import { edgeLevel, mapNodes, onlyRefusedEarlier } from "../../collector/page/map/map-model.ts";
import { passed, thresholdsOf, WINDOWS } from "../../collector/page/slo/burn-windows.ts";
import { activeAlerts, overallState } from "../../collector/page/state.ts";
import { KEPT_TRACE_LIMIT, keep, merge } from "../../collector/page/traces/trace-store.ts";
import { waterfallRows } from "../../collector/page/traces/waterfall-rows.ts";
import { BURN_ALERTS, BURN_WINDOWS_MS, burnFactor, windowName } from "../../core/slo/windows.ts";
import { emptyOverview, sampleOverview } from "./sample.ts";

const NOW = 1_800_000_000_000;
const SAMPLE = sampleOverview(NOW);
const PERIOD_MS = 30 * 86_400_000;

describe("the headline", () => {
  const quiet = SAMPLE.alerts.map((alert) => ({ ...alert, state: "inactive" as const }));
  const up = SAMPLE.instances.filter(({ state }) => state === "up");
  const cases: [given: string, overview: Overview, level: string, headline: string][] = [
    ["a page fires", SAMPLE, "bad", "1 alert firing, 1 instance lost, 1 alert pending"],
    ["an instance is lost", { ...SAMPLE, alerts: quiet }, "warn", "1 instance lost"],
    [
      "only a ticket fires",
      { ...SAMPLE, instances: up, alerts: [{ ...SAMPLE.alerts[2]!, state: "firing" }] },
      "warn",
      "1 alert firing",
    ],
    ["all is well", { ...SAMPLE, instances: up, alerts: quiet }, "ok", "All objectives within budget pace"],
    ["nothing reports", emptyOverview(NOW), "idle", "Nothing reports yet"],
  ];
  it.each(cases)("when %s", (_given, overview, level, headline) => {
    expect(overallState(overview)).toMatchObject({ level, headline });
  });

  it("is followed by the active alerts, firing ones first", () => {
    const states = activeAlerts(SAMPLE.alerts.toReversed()).map(({ state }) => state);
    expect(states).toEqual(["firing", "pending", "resolved"]);
  });
});

describe("the burn-rate columns", () => {
  it("are the windows and thresholds that the alerts use", () => {
    expect(WINDOWS.map(({ window }) => window)).toEqual(BURN_WINDOWS_MS.map(windowName));
    WINDOWS.forEach((window, index) => {
      const windowMs = BURN_WINDOWS_MS[index];
      const expected = BURN_ALERTS.filter(({ longMs, shortMs }) => longMs === windowMs || shortMs === windowMs)
        .map((alert) => ({ severity: alert.severity, factor: burnFactor(alert, PERIOD_MS) }))
        .toSorted((a, b) => a.factor - b.factor);
      expect(thresholdsOf(window, { periodMs: PERIOD_MS })).toEqual(expected);
    });
  });

  it.each([
    [null, undefined],
    [1, undefined],
    [1.01, "ticket"],
    [6, "ticket"],
    [6.01, "page"],
  ])("colour a rate of %p over 6h as %p", (rate, severity) => {
    const sixHours = WINDOWS.find(({ window }) => window === "6h")!;
    expect(passed(rate, thresholdsOf(sixHours, { periodMs: PERIOD_MS }))?.severity).toBe(severity);
  });
});

describe("an arrow of the map", () => {
  const edge: EdgeView = {
    client: "web",
    server: "pay",
    requests: 1000,
    failed: 500,
    denied: 0,
    ratePerSecond: 1,
    p50Ms: 1,
    p99Ms: 2,
  };
  const at = (offsetMs: number, change: Partial<EdgeView>) => {
    return { ...emptyOverview(NOW + offsetMs), edges: [{ ...edge, ...change }] };
  };

  it("forgets an old incident once requests succeed again", () => {
    const window = new EdgeWindow();
    expect(edgeLevel(window.recent(at(0, {}))[0]!)).toBe("bad");
    const [later] = window.recent(at(1_000, { requests: 1100 }));
    expect(later).toMatchObject({ recentRequests: 100, recentFailed: 0 });
    expect(edgeLevel(later!)).toBe("ok");
  });

  it("shows a new incident at once, however many requests succeeded before", () => {
    const window = new EdgeWindow();
    window.recent(at(0, { failed: 0, requests: 1e9 }));
    expect(edgeLevel(window.recent(at(500, { failed: 50, requests: 1e9 + 100 }))[0]!)).toBe("bad");
  });

  it("looks back no further than its window", () => {
    const window = new EdgeWindow();
    for (let second = 0; second <= 60; second++) window.recent(at(second * 1_000, { requests: 1000 + second }));
    const [recent] = window.recent(at(61_000, { requests: 1061 }));
    expect(recent?.recentRequests).toBeLessThanOrEqual(RECENT_MS / 1000 + 2);
  });

  it("starts over when a counter began anew", () => {
    const window = new EdgeWindow();
    window.recent(at(0, {}));
    expect(window.recent(at(500, { requests: 10, failed: 1 }))[0]).toMatchObject({
      recentRequests: 10,
      recentFailed: 1,
    });
  });

  it("is red when everything is refused, idle when nothing came", () => {
    const quiet = { ...edge, recentFailed: 0 };
    expect(edgeLevel({ ...quiet, recentRequests: 5, recentDenied: 5 })).toBe("bad");
    expect(edgeLevel({ ...quiet, recentRequests: 0, recentDenied: 0 })).toBe("idle");
  });
});

describe("a call that never got through", () => {
  const refused = { ...new EdgeWindow().recent(SAMPLE)[0]!, requests: 3, denied: 3, ratePerSecond: 0 };
  it("is a line of text once nobody tries it", () => expect(onlyRefusedEarlier(refused)).toBe(true));
  it("is an arrow while it is tried", () => expect(onlyRefusedEarlier({ ...refused, ratePerSecond: 0.1 })).toBe(false));
  it("is an arrow when some got through", () => expect(onlyRefusedEarlier({ ...refused, denied: 2 })).toBe(false));
});

describe("a box of the map", () => {
  const nodes = mapNodes(SAMPLE, new EdgeWindow().recent(SAMPLE));
  const node = (service: string) => nodes.find((one) => one.service === service);

  it("stands for every caller, callee and sidecar", () => {
    expect(nodes.map(({ service }) => service)).toEqual([
      "batch",
      "checkout",
      "payments",
      "recommendation-service-with-a-very-long-name",
      "unknown",
      "web",
    ]);
  });
  it("says which instances are lost", () => expect(node("batch")).toMatchObject({ lost: 1, level: "warn" }));
  it("is red while an alert of its service fires", () => {
    expect(node("payments")).toMatchObject({ firing: true, level: "bad" });
  });
  it("does not count pods that said goodbye", () => expect(node("checkout")).toMatchObject({ instances: 1, lost: 0 }));
});

describe("the map's layout", () => {
  it("puts callers left of callees and no box on another", () => {
    const edges = SAMPLE.edges.map((edge) => ({ ...edge, key: `${edge.client}>${edge.server}` }));
    const services = mapNodes(SAMPLE, new EdgeWindow().recent(SAMPLE)).map(({ service }) => service);
    const { nodes, edges: placed } = layoutMap(services, edges);
    for (const { client, server, key } of edges) {
      expect(nodes.get(client)!.x).toBeLessThan(nodes.get(server)!.x);
      expect(pathThrough(placed.get(key)!.points)).toMatch(/^M [\d.]+ [\d.]+ /);
    }
    expect(new Set([...nodes.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(services.length);
  });

  it("takes calls in a ring and calls to oneself", () => {
    const ring = [
      { key: "1", client: "a", server: "b" },
      { key: "2", client: "b", server: "a" },
      { key: "3", client: "a", server: "a" },
    ];
    const { edges } = layoutMap(["a", "b"], ring);
    for (const { key } of ring) expect(edges.get(key)!.points.length).toBeGreaterThan(1);
  });
});

describe("a waterfall", () => {
  const spanOf = ([id, parent]: readonly [number, number], index: number): SpanView => ({
    spanId: String(id),
    parentSpanId: String(parent),
    service: "web",
    name: "GET /",
    kind: "server",
    startMs: NOW + index,
    durationMs: 5,
    error: false,
    attributes: {},
  });
  const traceOf = (spans: SpanView[]): TraceView => {
    return { traceId: "t", rootName: "GET /", startMs: NOW, durationMs: 10, services: ["web"], error: false, spans };
  };

  it("indents each span under its parent", () => {
    const rows = waterfallRows(SAMPLE.traces[0]!);
    expect(rows.map(({ depth }) => depth)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("shows every span once, within the trace's extent, whatever parents they name", () => {
    const links = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), { maxLength: 20 });
    fc.assert(
      fc.property(links, (pairs) => {
        const spans = pairs.map(spanOf);
        const rows = waterfallRows(traceOf(spans));
        expect(new Set(rows.map(({ span }) => span))).toEqual(new Set(spans));
        expect(rows.length).toBe(spans.length);
        for (const { offset, width } of rows) expect(offset >= 0 && width >= 0 && offset + width <= 1.0001).toBe(true);
      }),
    );
  });
});

describe("the trace list", () => {
  it("keeps opened traces after the newest have moved on, each once, newest first", () => {
    const [first, second, third] = SAMPLE.traces as [TraceView, TraceView, TraceView];
    expect(merge([first, second], [third, second])).toEqual([first, second, third]);
  });

  it("keeps no more than its limit", () => {
    const traces = Array.from({ length: 50 }, (_, index) => ({ ...SAMPLE.traces[0]!, traceId: String(index) }));
    const kept = traces.reduce<TraceView[]>((before, trace) => keep(before, trace), []);
    expect(kept).toHaveLength(KEPT_TRACE_LIMIT);
    expect(kept.at(-1)?.traceId).toBe("49");
  });
});
