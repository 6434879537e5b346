import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { BODY_LIMIT_BYTES } from "../../collector/receive/body.ts";
import { Intake } from "../../collector/receive/intake.ts";
import { createPressureGauge } from "../../collector/receive/pressure.ts";
import { type ReceiverDeps, receive } from "../../collector/receive/receiver.ts";
import { Balance } from "../../collector/receive/tally.ts";
import { CodedError } from "../../core/base/errors.ts";
import { silentLog } from "../../core/base/log.ts";
import { FakeSidecar, post, type TestCollector, testFolder } from "./support/collector.ts";

const folder = testFolder();
let collector: TestCollector;
beforeAll(async () => {
  collector = await folder.start();
});
afterAll(() => folder.remove());

const LOGS = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: "hello" } }] }] }] });

describe("OTLP over HTTP", () => {
  it("takes protobuf, JSON and gzip, and answers in kind", async () => {
    const sidecar = new FakeSidecar(() => collector.otlp);
    sidecar.serve("200");
    const protobuf = await post(`${collector.otlp}/v1/metrics`, sidecar.body());
    expect([protobuf.status, protobuf.headers.get("content-type")]).toEqual([200, "application/x-protobuf"]);
    const json = await post(`${collector.otlp}/v1/logs`, LOGS);
    expect([json.status, await json.json()]).toEqual([200, {}]);
    const gzip = await post(`${collector.otlp}/v1/metrics`, gzipSync(sidecar.body()), { "content-encoding": "gzip" });
    expect(gzip.status).toBe(200);
  });

  const refused: [
    given: string,
    path: string,
    body: string | Uint8Array,
    headers: Record<string, string>,
    status: number,
    message: string,
  ][] = [
    ["another path", "/v1/profiles", "{}", {}, 404, "no such path"],
    ["another content type", "/v1/logs", "{}", { "content-type": "text/plain" }, 415, "found text/plain"],
    ["broken JSON", "/v1/logs", "{", {}, 400, "OTLP JSON"],
    ["broken protobuf", "/v1/traces", new Uint8Array([10, 200]), {}, 400, "bytes too early"],
    ["broken gzip", "/v1/logs", "{}", { "content-encoding": "gzip" }, 400, "telemetry request: "],
    ["another encoding", "/v1/logs", "{}", { "content-encoding": "br" }, 400, "content-encoding br"],
  ];
  it.each(refused)("refuses %s with a google.rpc.Status", async (_, path, body, headers, status, message) => {
    const answer = await post(collector.otlp + path, body, headers);
    expect(answer.status).toBe(status);
    expect(Buffer.from(await answer.arrayBuffer()).toString()).toContain(message);
  });

  it("refuses a bomb: small on the wire, too large when decompressed", async () => {
    const bomb = gzipSync(Buffer.alloc(BODY_LIMIT_BYTES + 1), { level: 9 });
    expect(bomb.length).toBeLessThan(100_000);
    const answer = await post(`${collector.otlp}/v1/metrics`, bomb, { "content-encoding": "gzip" });
    expect(answer.status).toBe(413);
  });

  it("keeps the good part and says how much was not", async () => {
    const summary = { name: "s", summary: { dataPoints: [{}, {}] } };
    const gauge = { name: "g", gauge: { dataPoints: [{ asDouble: 1 }] } };
    const body = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [summary, gauge] }] }] });
    const answer = await (await post(`${collector.otlp}/v1/metrics`, body)).json();
    expect(answer).toEqual({ partialSuccess: { rejectedDataPoints: "2", errorMessage: "2 invalid" } });
  });

  it("balances: received is accepted plus rejected, for every signal", async () => {
    const text = await collector.metrics();
    const sum = (name: string, signal: string): number =>
      [...text.matchAll(new RegExp(`^${name}\\{signal="${signal}"[^}]*\\} (\\d+)`, "gm"))].reduce(
        (n, [, v]) => n + Number(v),
        0,
      );
    for (const signal of ["metrics", "logs", "traces"]) {
      const [received, accepted, rejected] = ["received", "accepted", "rejected"].map((n) =>
        sum(`outrider_collector_${n}_total`, signal),
      );
      expect(received).toBe((accepted ?? 0) + (rejected ?? 0));
    }
    expect(sum("outrider_collector_rejected_total", "metrics")).toBeGreaterThanOrEqual(3);
  });

  const soon: [given: string, deps: Partial<ReceiverDeps>, reason: string][] = [
    ["memory is short", { isUnderPressure: () => true }, "memory_pressure"],
    [
      "the disk is full",
      { accept: () => Promise.reject(new CodedError("DISK_FULL", "wal: full", "free space")) },
      "disk_full",
    ],
  ];
  it.each(soon)("asks to come back later while %s", async (_, deps, reason) => {
    const sent: { status: number; headers: Record<string, unknown> } = { status: 0, headers: {} };
    const response = {
      setHeader: (name: string, value: unknown) => Object.assign(sent.headers, { [name]: value }),
      writeHead: (status: number) => Object.assign(sent, { status }),
      end: () => {},
    };
    const head = { url: "/v1/metrics", method: "POST", headers: { "content-type": "application/json" } };
    const request = Object.assign(Readable.from([Buffer.from("{}")]), head);
    const balance = new Balance();
    const accept = () => Promise.reject(new Error("must not be asked"));
    const all = { accept, isUnderPressure: () => false, balance, intake: new Intake(), log: silentLog, ...deps };
    await receive(request as never, response as never, all);
    expect(sent).toMatchObject({ status: 503, headers: { "retry-after": 5 } });
    expect(balance.rejected.get(`metrics ${reason}`)).toBe(1);
  });

  it("is not short of memory in a test", () => {
    expect(createPressureGauge()()).toBe(false);
  });
});
