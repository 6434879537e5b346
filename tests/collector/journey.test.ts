import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { COLLECTOR_METRICS } from "../../collector/metrics.ts";
import type { Overview } from "../../collector/overview.ts";
import type { SpanData } from "../../core/wire/otlp/model.ts";
import { encodeTraces } from "../../core/wire/otlp/otlp.ts";
import { FakeSidecar, MANIFEST, post, type TestFolder, testFolder, until } from "./support/collector.ts";

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

const availability = (overview: Overview) => overview.slos.find(({ slo }) => slo === "payments-availability")!;
const TRACE = "0af7651916cd43dd8448eb211c80319c";

function span(spanId: string, parentSpanId: string | undefined, change: Partial<SpanData> = {}): SpanData {
  const parent = parentSpanId === undefined ? {} : { parentSpanId };
  const times = { startNs: 1_000_000_000n, endNs: 1_005_000_000n };
  return {
    traceId: TRACE,
    spanId,
    ...parent,
    name: "GET /",
    kind: 2,
    ...times,
    attributes: {},
    statusCode: 0,
    ...change,
  };
}

describe("metrics in, numbers out", () => {
  it("match the requests that were served, through repeats and a sidecar's restart", async () => {
    const collector = await folder.start();
    const sidecar = new FakeSidecar(() => collector.otlp);
    sidecar.serve("200", 40);
    await sidecar.export();
    const repeated = sidecar.body();
    for (let i = 0; i < 3; i++) await post(`${collector.otlp}/v1/metrics`, repeated);
    sidecar.serve("503", 2);
    await sidecar.export();
    sidecar.restart();
    sidecar.serve("200", 5);
    await sidecar.export();
    const overview = await collector.overview();
    expect(availability(overview)).toMatchObject({ good: 45, bad: 2, objective: 0.999 });
    expect(overview.edges).toEqual([
      expect.objectContaining({ client: "checkout", server: "payments", requests: 47, failed: 2 }),
    ]);
    const text = await collector.metrics();
    expect(text).toMatch(/^outrider_requests_total\{.*status="200".*\} 45$/m);
    expect(text).toMatch(/^outrider_slo_events_total\{slo="payments-availability",.*result="bad"\} 2$/m);
    expect(text).toMatch(/^outrider_request_duration_seconds_bucket\{.*le="0.3"\} 47$/m);
  });

  it("as Prometheus text in which every series has help, type and a name of its own", async () => {
    const collector = await folder.start();
    const sidecar = new FakeSidecar(() => collector.otlp);
    sidecar.serve("200", 3, { route: 'a "quoted"\nroute\\' });
    await sidecar.export();
    const lines = (await collector.metrics()).trimEnd().split("\n");
    const series = lines.filter((line) => !line.startsWith("#")).map((line) => line.slice(0, line.lastIndexOf(" ")));
    expect(new Set(series).size).toBe(series.length);
    const typed = lines.flatMap((line) => /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)?.[1] ?? []);
    const helped = lines.flatMap((line) => /^# HELP (\S+) \S/.exec(line)?.[1] ?? []);
    expect(helped).toEqual(typed);
    expect(new Set(typed).size).toBe(typed.length);
    for (const one of series) expect(typed).toContain(one.replace(/\{.*/, "").replace(/_(bucket|sum|count)$/, ""));
    for (const { name } of Object.values(COLLECTOR_METRICS)) expect(typed).toContain(name);
    expect(lines.join("\n")).toContain('route="a \\"quoted\\"\\nroute\\\\"');
  });
});

describe("a fault burns a budget", () => {
  it("until the page fires, and resolves when it is over; each step is an event that explains itself", async () => {
    const collector = await folder.start({ timeScale: 600 });
    const sidecar = new FakeSidecar(() => collector.otlp);
    let status = "200";
    const traffic = setInterval(() => {
      sidecar.serve("200", 4);
      if (status !== "200") sidecar.serve(status, 4);
      sidecar.export().catch(() => {});
    }, 50);
    const fast = async () =>
      (await collector.overview()).alerts.find(
        ({ slo, alert }) => slo === "payments-availability" && alert.startsWith("fast"),
      )!;
    try {
      await until(collector.overview, (overview) => availability(overview).good > 40);
      const failed = span("00f067aa0ba902b7", undefined, { statusCode: 2 });
      await post(`${collector.otlp}/v1/traces`, encodeTraces(sidecar.resource, [failed]));
      status = "503";
      const firing = await until(fast, ({ state }) => state === "firing");
      expect(firing).toMatchObject({
        severity: "page",
        threshold: expect.closeTo(14.4, 9),
        exemplarTraceId: TRACE,
        runbook: "docs/runbooks/slo-burn.md",
      });
      expect(firing.burnRate).toBeGreaterThan(14.4);
      expect(firing.exhaustedInMs).toBeGreaterThan(0);
      expect(firing.topContributor).toMatchObject({ dimension: "status", value: "503", share: 1 });
      expect(firing.message).toMatch(
        /^payments fails \S+ times as fast as its 99.9 % objective allows \(pages above 14.4\)/,
      );
      status = "200";
      await until(fast, ({ state }) => state === "resolved");
    } finally {
      clearInterval(traffic);
    }
    const { events } = await collector.overview();
    const steps = events.filter((event) => event.kind === "alert" && event.attributes["alert"] === firingAlert);
    expect(steps.map(({ outcome }) => outcome).toReversed()).toEqual(["pending", "firing", "resolved"]);
    expect(steps[1]).toMatchObject({
      from: "collector",
      service: "payments",
      subject: "slo payments-availability",
      severity: "error",
    });
    expect(await collector.metrics()).toMatch(
      /^outrider_alert_state\{slo="payments-availability",.*alert="fast-burn 1h\/5m".*\} 0$/m,
    );
  });
  const firingAlert = "fast-burn 1h/5m";
});

describe("a restart of the collector", () => {
  const served = async (sidecar: FakeSidecar, count: number): Promise<void> => {
    sidecar.serve("200", count);
    await sidecar.export();
  };

  it("loses nothing and counts nothing twice", async () => {
    let collector = await folder.start();
    const sidecar = new FakeSidecar(() => collector.otlp);
    await served(sidecar, 10);
    await collector.stop();
    sidecar.serve("503", 1);
    collector = await folder.start();
    await served(sidecar, 5);
    expect(availability(await collector.overview())).toMatchObject({ good: 15, bad: 1 });
    expect((await collector.overview()).edges[0]).toMatchObject({ requests: 16, failed: 1 });
  });

  it("loses nothing either when it was killed, even in the middle of a write", async () => {
    const first = await folder.start();
    const sidecar = new FakeSidecar(() => first.otlp);
    await served(sidecar, 10);
    await served(sidecar, 10);
    const killed = join(folder.path, "state-when-killed");
    cpSync(join(folder.path, "state"), killed, { recursive: true });
    await first.stop();
    rmSync(join(folder.path, "state"), { recursive: true });
    cpSync(killed, join(folder.path, "state"), { recursive: true });
    const log = join(folder.path, "state", readdirSync(killed).find((name) => name.startsWith("wal-"))!);
    truncateSync(log, readFileSync(log).length - 3);
    const second = await folder.start();
    expect(availability(await second.overview())).toMatchObject({ good: 10 });
    const again = await post(`${second.otlp}/v1/metrics`, sidecar.body());
    expect(again.status).toBe(200);
    expect(availability(await second.overview())).toMatchObject({ good: 20 });
  });

  it("refuses state that it cannot read, instead of starting from zero", async () => {
    await (await folder.start()).stop();
    writeFileSync(join(folder.path, "state/snapshot.json"), '{"version":99}');
    await expect(folder.start()).rejects.toMatchObject({ code: "COLLECTOR_STATE_BROKEN" });
  });
});

describe("instances, traces and the page", () => {
  it("show who is up and who fell silent", async () => {
    const collector = await folder.start({ instanceTimeout: "200ms" });
    const sidecar = new FakeSidecar(() => collector.otlp);
    await sidecar.export();
    const state = async () =>
      (await collector.overview()).instances.find(({ component }) => component === "sidecar")?.state;
    expect(await state()).toBe("up");
    await until(state, (now) => now === "lost");
    await sidecar.export();
    expect(await state()).toBe("up");
  });

  it("assemble a trace from spans of several senders, in any order, each once", async () => {
    const collector = await folder.start();
    const send = (service: string, one: SpanData) =>
      post(`${collector.otlp}/v1/traces`, encodeTraces({ "service.name": service }, [one]));
    await send("payments", span("000000000000000c", "000000000000000b", { statusCode: 2, startNs: 1_002_000_000n }));
    await send(
      "web",
      span("000000000000000a", undefined, { name: "GET /shop", startNs: 1_000_000_000n, endNs: 1_010_000_000n }),
    );
    for (let i = 0; i < 2; i++)
      await send("checkout", span("000000000000000b", "000000000000000a", { startNs: 1_001_000_000n }));
    const trace = await (await fetch(`${collector.web}/api/v1/traces/${TRACE}`)).json();
    expect(trace).toMatchObject({
      rootName: "GET /shop",
      durationMs: 10,
      error: true,
      services: ["web", "checkout", "payments"],
    });
    expect(trace.spans).toHaveLength(3);
    expect((await fetch(`${collector.web}/api/v1/traces/${"f".repeat(32)}`)).status).toBe(404);
  });

  it("stream the overview live", async () => {
    const collector = await folder.start();
    const seen = await new Promise<Overview[]>((resolve, reject) => {
      const overviews: Overview[] = [];
      const request = get(`${collector.web}/api/v1/live`, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
          for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
            overviews.push(JSON.parse(text.slice("data: ".length, end)));
            text = text.slice(end + 2);
          }
          if (overviews.length < 2) return;
          request.destroy();
          resolve(overviews);
        });
      });
      request.on("error", reject);
    });
    expect(seen[1]!.atMs).toBeGreaterThan(seen[0]!.atMs);
    expect(seen[0]!.slos).toHaveLength(2);
  });

  it("serve the page under a policy that lets it load from itself only", async () => {
    const collector = await folder.start();
    const page = await fetch(`${collector.web}/`);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
    expect(page.headers.get("content-security-policy")).not.toContain("unsafe");
    expect((await fetch(`${collector.web}/..%2f..%2fpackage.json`)).status).toBe(404);
    expect((await fetch(`${collector.web}/healthz`)).status).toBe(200);
    expect((await fetch(`${collector.web}/api/v1/overview`, { method: "POST" })).status).toBe(405);
  });
});

describe("objectives", () => {
  it("change with their Service, and an edit that breaks them changes nothing", async () => {
    const collector = await folder.start();
    const target = async () =>
      (await collector.overview()).slos.find(({ slo }) => slo === "payments-availability")?.objective;
    expect(await target()).toBe(0.999);
    writeFileSync(join(folder.path, "manifests/service.yaml"), MANIFEST.replace('"99.9"', '"99.5"'));
    await until(target, (now) => now === 0.995);
    writeFileSync(join(folder.path, "manifests/service.yaml"), MANIFEST.replace('"99.9"', '"9999"'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await target()).toBe(0.995);
  });
});
