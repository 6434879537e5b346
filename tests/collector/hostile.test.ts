import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeSidecar, post, type TestCollector, type TestFolder, testFolder } from "./support/collector.ts";

let folder: TestFolder;
let collector: TestCollector;
beforeEach(async () => {
  folder = testFolder();
  collector = await folder.start();
});
afterEach(() => folder.remove());

const NOW_NS = () => String(BigInt(Date.now()) * 1_000_000n);
const MINUTE_NS = 60_000_000_000n;

const attributes = (all: Record<string, string>) =>
  Object.entries(all).map(([key, stringValue]) => ({ key, value: { stringValue } }));

interface Point {
  readonly value?: number | string;
  readonly labels?: Record<string, string>;
  readonly timeNs?: string;
  readonly startNs?: string;
  readonly [field: string]: unknown;
}

/** One metric as OTLP JSON, sent by a named instance. */
async function send(
  { name, unit = "1", kind = "sum", from = "a" }: { name: string; unit?: string; kind?: string; from?: string },
  ...points: readonly Point[]
): Promise<Response> {
  const dataPoints = points.map(({ value, labels = {}, timeNs = NOW_NS(), startNs = "1", ...rest }) => ({
    attributes: attributes(labels),
    startTimeUnixNano: startNs,
    timeUnixNano: timeNs,
    ...(value === undefined ? {} : { asDouble: value }),
    ...rest,
  }));
  const data = { dataPoints, ...(kind === "gauge" ? {} : { aggregationTemporality: 2, isMonotonic: true }) };
  const scopeMetrics = [{ metrics: [{ name, unit, [kind]: data }] }];
  const resource = { attributes: attributes({ "service.name": "shop", "service.instance.id": from }) };
  return post(`${collector.otlp}/v1/metrics`, JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics }] }));
}

/** Lines of one metric in the exposition. */
async function lines(name: string): Promise<string[]> {
  return (await collector.metrics()).split("\n").filter((line) => line.startsWith(name));
}

const rejected = async (answer: Response) =>
  ((await answer.json()) as { partialSuccess?: { rejectedDataPoints: string } }).partialSuccess?.rejectedDataPoints;

async function expectBalance(): Promise<void> {
  const sums = new Map<string, number>();
  for (const line of await lines("outrider_collector_")) {
    const [, what = "", value = "0"] =
      /^outrider_collector_(received|accepted|rejected)_total\{.*\} (\d+)$/.exec(line) ?? [];
    sums.set(what, (sums.get(what) ?? 0) + Number(value));
  }
  expect(sums.get("received")).toBe((sums.get("accepted") ?? 0) + (sums.get("rejected") ?? 0));
}

/** Every series once, as a scraper sees it: an empty label is no label. */
async function expectCleanExposition(): Promise<void> {
  const text = await collector.metrics();
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const names = series.map((line) => line.slice(0, line.lastIndexOf(" ")).replace(/[a-zA-Z_]\w*="",?/g, ""));
  expect(names.length - new Set(names).size).toBe(0);
  for (const line of series) expect(line).toMatch(/^[a-zA-Z_:][\w:]*(\{(\w+="([^"\\\n]|\\.)*",?)*\})? \S+$/);
  if (!existsSync("/usr/bin/promtool")) return;
  const { stderr } = spawnSync("/usr/bin/promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  expect(stderr).not.toMatch(/error while linting/);
}

describe("a counter counts what was sent", () => {
  it.each([
    ["NaN", "NaN"],
    ["infinite", "Infinity"],
    ["negative", -5],
    ["larger than any 64-bit count", 1e300],
  ])("and a %s value in between is rejected and changes nothing", async (_, broken) => {
    await send({ name: "jobs_total" }, { value: 10 });
    expect(await rejected(await send({ name: "jobs_total" }, { value: broken }))).toBe("1");
    await send({ name: "jobs_total" }, { value: 13 });
    expect(await lines("jobs_total{")).toEqual([expect.stringMatching(/ 13$/)]);
    await expectBalance();
  });

  it("after a point from the future too", async () => {
    await send({ name: "jobs_total" }, { value: 10 });
    await send({ name: "jobs_total" }, { value: 11, timeNs: "18446744073709551615" });
    await send({ name: "jobs_total" }, { value: 15 });
    await send({ name: "jobs_total" }, { value: 12, timeNs: String(BigInt(NOW_NS()) - MINUTE_NS) });
    expect(await lines("jobs_total{")).toEqual([expect.stringMatching(/ 15$/)]);
  });
});

describe("a histogram", () => {
  const histogram = (change: object) =>
    send(
      { name: "wait", unit: "s", kind: "histogram" },
      { count: "3", sum: 1, bucketCounts: ["1", "2"], explicitBounds: [0.1], ...change },
    );

  it.each([
    ["whose bounds are not numbers", { explicitBounds: ["NaN"] }],
    ["whose bounds fall", { explicitBounds: [2, 1], bucketCounts: ["1", "1", "1"] }],
    ["whose buckets hold more than its count", { bucketCounts: ["5", "6"] }],
    [
      "with more buckets than anyone needs",
      {
        count: "0",
        explicitBounds: Array.from({ length: 5000 }, (_, i) => i),
        bucketCounts: Array.from({ length: 5001 }, () => "0"),
      },
    ],
    ["of an absurd count", { count: 1e300, bucketCounts: [], explicitBounds: [] }],
  ])("%s is rejected", async (_, change) => {
    expect(await rejected(await histogram(change))).toBe("1");
    expect(await lines("wait_seconds_count")).toEqual([]);
    await expectBalance();
  });

  it("may not share a name with what another one renders", async () => {
    await histogram({});
    expect(await rejected(await send({ name: "wait_seconds_count", unit: "", kind: "gauge" }, { value: 1 }))).toBe("1");
    await send({ name: "late_bucket", unit: "", kind: "gauge" }, { value: 1 });
    expect(await rejected(await send({ name: "late", unit: "", kind: "histogram" }, { count: "0", sum: 0 }))).toBe("1");
    await expectCleanExposition();
  });
});

describe("names and labels", () => {
  it("of any content end as one series each, in a text that every scraper reads", async () => {
    const evil = [
      'a"b',
      "a\\b",
      "a\nb",
      "a\r\nb",
      "💥".repeat(200),
      "\ud800",
      "\udfff",
      "\u0000",
      "\u0002b\u0001",
      "x".repeat(1_000_000),
      "",
    ];
    for (const [index, text] of evil.entries()) {
      await send({ name: `evil ${text.slice(0, 300)}`, unit: text.slice(0, 99), kind: "gauge" }, { value: index });
      await send(
        { name: "evil_values_total" },
        { value: 1, labels: { text, [text.slice(0, 999)]: "key" } },
        { value: 1, labels: { other: text } },
      );
      await send(
        { name: "evil_wait", kind: "histogram" },
        { count: "1", sum: 1, labels: { le: text } },
        { count: "1", sum: 1, labels: {} },
      );
    }
    await expectCleanExposition();
    await expectBalance();
  });

  it("that every JavaScript object has are names like any other", async () => {
    await send(
      { name: "jobs", unit: "constructor" },
      { value: 1, labels: { constructor: "a", toString: "b", __proto__: "c" } },
    );
    expect(await lines("jobs_total{")).toEqual(['jobs_total{job="shop",instance="a",constructor="a",toString="b"} 1']);
    const answer = await post(`${collector.otlp}/v1/metrics`, "{}", { "content-type": "constructor" });
    expect(answer.status).toBe(415);
  });

  it("in absurd numbers are cut, and the count stays", async () => {
    const labels = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`label_${i}`, "x"]));
    await send({ name: "wide_total" }, { value: 7, labels });
    const [line = ""] = await lines("wide_total{");
    expect(line).toMatch(/ 7$/);
    expect(line.length).toBeLessThan(5_000);
  });
});

describe("an objective", () => {
  it("outlives numbers that no service can reach", async () => {
    for (const from of ["a", "b", "c"]) {
      const labels = { direction: "inbound", namespace: "shop", service: "payments", status: "503", peer: "x" };
      const startNs = NOW_NS();
      await send({ name: "outrider_requests_total", from }, { value: 1.7e19, labels, startNs });
      await send({ name: "outrider_requests_total", from }, { value: 1.8e19, labels, startNs });
    }
    const sidecar = new FakeSidecar(() => collector.otlp);
    sidecar.serve("200", 40);
    sidecar.serve("503", 2);
    await sidecar.export();
    const slo = (await collector.overview()).slos.find(({ slo }) => slo === "payments-availability");
    expect(slo).toMatchObject({ good: 40, bad: 2 });
  });

  it("still sees every request when its metric has too many series", async () => {
    const sidecar = new FakeSidecar(() => collector.otlp);
    for (let i = 0; i < 5_100; i++) sidecar.serve("200", 1, { route: `/pay/${i}` });
    await sidecar.export();
    sidecar.serve("503", 6, { route: "/pay/5050" });
    sidecar.serve("503", 6, { route: "/pay/9999" });
    await sidecar.export();
    const overview = await collector.overview();
    expect(overview.slos.find(({ slo }) => slo === "payments-availability")).toMatchObject({ good: 5_100, bad: 12 });
    expect(overview.edges[0]).toMatchObject({ requests: 5_112, failed: 12 });
    const total = (await lines("outrider_requests_total{")).reduce(
      (sum, line) => sum + Number(line.split(" ").at(-1)),
      0,
    );
    expect(total).toBe(5_112);
  });
});

describe("the overview", () => {
  const MEGABYTE = "x".repeat(1_000_000);
  const size = async () => (await (await fetch(`${collector.web}/api/v1/overview`)).text()).length;

  it("stays small however much one span or event holds, and the newest is there", async () => {
    const wide = attributes({
      ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`fact ${i}`, MEGABYTE.slice(0, 4_000)])),
    });
    for (let request = 0; request < 10; request++) {
      const traceId = String(request + 1).padStart(32, "a");
      const spans = Array.from({ length: 30 }, (_, i) => ({
        traceId,
        spanId: String(i + 1).padStart(16, "0"),
        name: "n",
        attributes: wide,
      }));
      await post(`${collector.otlp}/v1/traces`, JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
    }
    const logRecords = Array.from({ length: 100 }, (_, i) => ({
      body: { stringValue: MEGABYTE.slice(0, 9_000) },
      attributes: attributes({
        "outrider.event.kind": "decision",
        "outrider.event.subject": i === 0 ? MEGABYTE : `Pod ${i}`,
        "outrider.event.outcome": i === 1 ? MEGABYTE : "refused",
        ...Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`outrider.fact.${n}`, MEGABYTE.slice(0, 9_000)])),
      }),
    }));
    await post(`${collector.otlp}/v1/logs`, JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));
    expect(await size()).toBeLessThan(2_000_000);
    const { events, traces } = await collector.overview();
    expect(events[0]).toMatchObject({ subject: "Pod 99", atMs: expect.any(Number) });
    expect(Math.abs((events[0]?.atMs ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(traces.length + events.length).toBeGreaterThan(0);
    expect((await collector.metrics()).length).toBeLessThan(100_000);
    expect((await fetch(`${collector.web}/api/v1/traces/${"1".padStart(32, "a")}`)).status).toBe(200);
  });

  it("shows the busiest of thousands of edges", async () => {
    const sidecar = new FakeSidecar(() => collector.otlp);
    for (let i = 0; i < 4_000; i++) sidecar.serve("200", i + 1, { peer: `peer-${i}` });
    await sidecar.export();
    const { edges } = await collector.overview();
    expect(edges.length).toBeLessThanOrEqual(500);
    expect(edges[0]).toMatchObject({ client: "peer-3999", requests: 4_000 });
  });
});
