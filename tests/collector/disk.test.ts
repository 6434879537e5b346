import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Collector, SNAPSHOT_INTERVAL_MS } from "../../collector/collector.ts";
import { silentLog } from "../../core/base/log.ts";
import { FakeSidecar, type TestFolder, testFolder } from "./support/collector.ts";

let folder: TestFolder;
let nowMs = Date.now();
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

const open = (stateDir = join(folder.path, "state")) =>
  Collector.open({
    stateDir,
    objectives: [],
    timeScale: 1,
    instanceTimeoutMs: 60_000,
    log: silentLog,
    clock: () => nowMs,
  });
const sidecar = new FakeSidecar(() => "");
const served = async (collector: Collector, count: number) => {
  sidecar.serve("200", count);
  return collector.accept({ signal: "metrics", encoding: "protobuf", body: sidecar.body() });
};
const counted = (collector: Collector) =>
  [...(collector.parts.rollup.families.get("outrider_requests_total")?.series.values() ?? [])].reduce(
    (sum, { value }) => sum + value,
    0,
  );

describe("a full disk", () => {
  it("refuses telemetry, says why it is not ready, and nothing is lost when there is room again", async () => {
    const collector = await open();
    await served(collector, 5);
    const before = counted(collector);
    symlinkSync("/dev/full", join(folder.path, "state/wal-000000002.log"));
    nowMs += SNAPSHOT_INTERVAL_MS;
    await collector.tick().catch(() => {});
    await expect(served(collector, 1)).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(counted(collector)).toBe(before);
    expect(collector.problems).toEqual([expect.stringMatching(/^state: .*wal-000000002.*; telemetry is refused$/)]);
    nowMs += SNAPSHOT_INTERVAL_MS;
    await collector.tick().catch(() => {});
    await served(collector, 1);
    expect(collector.problems).toEqual([]);
    expect(counted(collector)).toBe(before + 2);
    await collector.close();
  });
});

describe("state on disk", () => {
  it("cut at any byte restores a whole prefix of what was accepted, never something else", async () => {
    const collector = await open();
    const sums = [0];
    for (let i = 0; i < 3; i++) {
      await served(collector, i + 1);
      sums.push(counted(collector));
    }
    const [name = ""] = readdirSync(join(folder.path, "state"));
    const { length } = readFileSync(join(folder.path, "state", name));
    let restored = 0;
    for (let at = 0; at <= length; at += 7) {
      const cut = join(folder.path, `cut-${at}`);
      cpSync(join(folder.path, "state"), cut, { recursive: true });
      truncateSync(join(cut, name), at);
      const again = await open(cut);
      expect(sums).toContain(counted(again));
      expect(counted(again)).toBeGreaterThanOrEqual(restored);
      restored = counted(again);
      await again.close();
      rmSync(cut, { recursive: true });
    }
    await collector.close();
  });

  it.each([
    ["empty", ""],
    ["half", '{"version":1,"fromSegment":1,"state":{"rollup"'],
    ["of another shape", '{"version":1,"fromSegment":1,"state":{"rollup":7}}'],
    ["null", "null"],
  ])("that is %s is refused with a code", async (_, text) => {
    mkdirSync(join(folder.path, "state"));
    writeFileSync(join(folder.path, "state/snapshot.json"), text);
    await expect(open()).rejects.toMatchObject({ code: "COLLECTOR_STATE_BROKEN" });
  });

  it("has one writer: a second collector is refused and harms nothing", async () => {
    const first = await folder.start();
    const own = new FakeSidecar(() => first.otlp);
    own.serve("200", 3);
    await own.export();
    const files = readdirSync(join(folder.path, "state"));
    await expect(folder.start()).rejects.toMatchObject({ code: "COLLECTOR_STATE_IN_USE" });
    expect(readdirSync(join(folder.path, "state"))).toEqual(files);
    await first.stop();
    const next = await folder.start();
    expect(await next.metrics()).toMatch(/^outrider_requests_total\{.*\} 3$/m);
    expect((await fetch(`${next.web}/readyz`)).status).toBe(200);
  });

  it("keeps gauges that are not numbers", async () => {
    const collector = await open();
    const dataPoints = ["NaN", "Infinity", "-Infinity"].map((asDouble, i) => ({
      asDouble,
      attributes: [{ key: "n", value: { intValue: i } }],
    }));
    const body = JSON.stringify({
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "g", gauge: { dataPoints } }] }] }],
    });
    await collector.accept({ signal: "metrics", encoding: "json", body: new TextEncoder().encode(body) });
    await collector.close();
    const again = await open();
    expect([...(again.parts.rollup.families.get("g")?.series.values() ?? [])].map(({ value }) => value)).toEqual([
      Number.NaN,
      Infinity,
      -Infinity,
    ]);
    await again.close();
  });
});
