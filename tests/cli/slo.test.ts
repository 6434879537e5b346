import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { AlertView, Overview, SloView } from "../../collector/overview.ts";
import { run } from "./support/run.ts";

const SLO: SloView = {
  slo: "payments-availability",
  namespace: "shop",
  service: "payments",
  objective: 0.999,
  periodMs: 2_592_000_000,
  good: 90,
  bad: 10,
  budgetRemaining: -0.5,
  coverage: 1,
  burnRates: { "5m": 100, "1h": 20.123456, "6h": null, "3d": 0 },
  exhaustedAtMs: null,
  burnDown: [],
};
const ALERT: AlertView = {
  slo: "payments-availability",
  namespace: "shop",
  service: "payments",
  alert: "fast-burn 1h/5m",
  severity: "page",
  state: "firing",
  sinceMs: 0,
  burnRate: 20,
  threshold: 14.4,
  exhaustedInMs: 0,
  topContributor: null,
  exemplarTraceId: null,
  runbook: "docs/runbooks/slo-burn.md",
  message: "payments fails 20 times as fast as its 99.9 % objective allows",
};
const NOTHING = { instances: [], edges: [], traces: [], events: [] };

let server: Server;
let overview: Overview;
beforeAll(async () => {
  server = createServer((_, response) => response.end(JSON.stringify(overview)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  server.close();
});
const status = (...args: string[]) =>
  run(["slo", "status", "--collector", `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ...args]);

describe("outrider slo status", () => {
  it("answers first, then the table, then why; exit code 1 while a page fires", async () => {
    const calm = { ...SLO, slo: "web-latency", service: "web", budgetRemaining: null };
    const page = { ...ALERT, exemplarTraceId: "0af7651916cd43dd8448eb211c80319c" };
    const ticket: AlertView = { ...ALERT, alert: "drain 1d/2h", severity: "ticket", sinceMs: 60_000 };
    overview = { ...NOTHING, atMs: 90_000, timeScale: 1, slos: [calm, SLO], alerts: [page, ticket] };
    const { code, stdout } = await status();
    expect(code).toBe(1);
    expect(stdout.split("\n").map((line) => line.trimEnd())).toEqual([
      "burning  2 objectives, 1 page firing",
      "",
      "  slo                    service        objective  budget left  5m    1h     6h  3d  alert",
      "  payments-availability  shop/payments  99.9 %     -50 %        100x  20.1x  -   0x  firing page",
      "  web-latency            shop/web       99.9 %     no data      100x  20.1x  -   0x  -",
      "",
      "  firing  payments-availability  for 1 m 30 s",
      "    payments fails 20 times as fast as its 99.9 % objective allows",
      "    firing: fast-burn 1h/5m (page)",
      "    firing: drain 1d/2h (ticket)",
      "    trace: 0af7651916cd43dd8448eb211c80319c",
      "    runbook: docs/runbooks/slo-burn.md",
      "",
    ]);
  });

  it("is fine, and says so, while only tickets burn", async () => {
    overview = { ...NOTHING, atMs: 1, timeScale: 300, slos: [SLO], alerts: [{ ...ALERT, severity: "ticket" }] };
    const { code, stdout } = await status();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {2}1 objective, 0 pages firing {2}\(time scale 300/);
  });

  it("says who is lost, and never lets telemetry move the cursor", async () => {
    const names = { component: "sidecar", namespace: "shop", service: "payments", instance: "payments-1\u001b[2J" };
    const instances: Overview["instances"] = [{ ...names, lastSeenMs: 0, state: "lost" }];
    const alerts = [{ ...ALERT, message: "route \u001b]0;x\u0007 makes 100 % of the errors" }];
    overview = { ...NOTHING, atMs: 40_000, timeScale: 1, slos: [SLO], alerts, instances };
    const { stdout } = await status();
    expect(stdout).toMatch(/^burning {2}1 objective, 1 page firing, 1 instance lost\n/);
    expect(stdout).toContain("  lost  sidecar shop/payments payments-1?[2J, nothing heard for 40 s\n");
    expect(stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });

  it("prints the same facts as JSON", async () => {
    overview = { ...NOTHING, atMs: 1, timeScale: 1, slos: [SLO], alerts: [ALERT] };
    expect(JSON.parse((await status("--json")).stdout)).toEqual({
      atMs: 1,
      timeScale: 1,
      slos: [SLO],
      alerts: [ALERT],
    });
  });

  it("says what to do when no collector answers", async () => {
    const { code, stderr } = await run(["slo", "status", "--collector", "http://127.0.0.1:1"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("COLLECTOR_UNREACHABLE: http://127.0.0.1:1");
    expect(stderr).toContain("hint: start it with: outrider collector");
  });
});

describe("outrider slo status --slo", () => {
  const folder = mkdtempSync(join(tmpdir(), "outrider-slo-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (target: number) => `apiVersion: openslo/v1
kind: SLO
metadata: { name: checkout }
spec:
  service: checkout
  indicator:
    spec:
      thresholdMetric: { metricSource: { type: Outrider, spec: { metric: outrider_request_duration_seconds } } }
  timeWindow: [{ duration: 30d }]
  objectives: [{ target: ${target}, value: 0.5 }]
`;

  it("lists a folder's objectives and which alerts can never fire", async () => {
    writeFileSync(join(folder, "checkout.yaml"), file(0.9));
    const { code, stdout } = await run(["slo", "status", "--slo", folder]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/checkout {2}checkout {2}90 % .*latency.*can never fire: fast-burn/),
    ]);
  });

  it("refuses a wrong file with exit code 2 and the path", async () => {
    writeFileSync(join(folder, "checkout.yaml"), file(90));
    const { code, stderr } = await run(["slo", "status", "--slo", folder]);
    expect(code).toBe(2);
    expect(stderr).toContain(
      "spec.objectives[0].target: expected a ratio between 0 and 1, found 90 (a percentage? write 0.9)",
    );
  });
});
