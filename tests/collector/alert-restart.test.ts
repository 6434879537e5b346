import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Collector } from "../../collector/collector.ts";
import { MINUTE_MS } from "../../core/base/clock.ts";
import { silentLog } from "../../core/base/log.ts";
import type { OutriderEvent } from "../../core/events/event.ts";
import { readAnnotations } from "../../core/slo/annotations.ts";
import { FakeSidecar, post, type TestFolder, testFolder } from "./support/collector.ts";

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

const annotations = { "slo.outrider.dev/availability": "99.9" };
const { objectives } = readAnnotations({ namespace: "shop", service: "payments", annotations });

describe("an alert that fires", () => {
  let nowMs = 1_700_000_000_000;
  let announced: OutriderEvent[] = [];
  const sidecar = new FakeSidecar(() => "");
  const opened: Collector[] = [];
  afterEach(async () => {
    for (const collector of opened.toReversed()) await collector.close();
  });
  const open = async () => {
    const collector = await openAgain();
    opened.push(collector);
    return collector;
  };
  const openAgain = () =>
    Collector.open({
      stateDir: `${folder.path}/state`,
      objectives,
      timeScale: 1,
      instanceTimeoutMs: 60_000,
      log: silentLog,
      clock: () => nowMs,
      onAlert: (event) => announced.push(event),
    });
  const minutes = async (collector: Collector, count: number, statuses: readonly string[]) => {
    for (let i = 0; i < count; i++) {
      nowMs += MINUTE_MS;
      for (const status of statuses) sidecar.serve(status, 30);
      const body = sidecar.body(BigInt(nowMs) * 1_000_000n);
      if (statuses.length > 0) await collector.accept({ signal: "metrics", encoding: "protobuf", body });
      await collector.tick();
    }
  };
  const fast = () =>
    announced.filter(({ attributes }) => attributes["alert"]?.startsWith("fast")).map(({ outcome }) => outcome);
  const phase = (collector: Collector) =>
    collector.alerts.views(nowMs).find(({ alert }) => alert.startsWith("fast"))?.state;

  it("is told once through kills of the collector, gaps and flapping, and resolved once", async () => {
    announced = [];
    let collector = await open();
    await minutes(collector, 10, ["200"]);
    await minutes(collector, 4, ["200", "503"]);
    expect(fast()).toEqual(["pending", "firing"]);
    for (let kill = 0; kill < 3; kill++) {
      nowMs += 3 * MINUTE_MS;
      collector = await open();
      expect(phase(collector)).toBe("firing");
      await minutes(collector, 2, kill === 1 ? [] : ["200", "503"]);
    }
    for (let flap = 0; flap < 6; flap++) {
      await minutes(collector, 1, ["200"]);
      await minutes(collector, 1, ["503"]);
    }
    expect(fast()).toEqual(["pending", "firing"]);
    await minutes(collector, 90, ["200"]);
    expect(fast()).toEqual(["pending", "firing", "resolved"]);
  });
});

describe("a body of any bytes", () => {
  it("is answered with 200 or 400, and counted", async () => {
    const collector = await folder.start();
    const sidecar = new FakeSidecar(() => collector.otlp);
    sidecar.serve("200", 3);
    const good = sidecar.body();
    const seen = new Set<number>();
    for (let i = 0; i < 300; i++) {
      const body = i % 3 === 0 ? randomBytes(i) : Uint8Array.from(good.subarray(0, i % 3 === 1 ? i : good.length));
      if (i % 3 === 2) body[i % body.length] = i;
      const path = ["metrics", "traces", "logs"][(i % 7) % 3];
      seen.add((await post(`${collector.otlp}/v1/${path}`, body)).status);
    }
    expect([...seen].sort()).toEqual([200, 400]);
    const text = await collector.metrics();
    const sum = (what: string) =>
      [...text.matchAll(new RegExp(`^outrider_collector_${what}_total\\{.*\\} (\\d+)$`, "gm"))].reduce(
        (all, [, n]) => all + Number(n),
        0,
      );
    expect(sum("received")).toBe(sum("accepted") + sum("rejected"));
    expect(sum("rejected")).toBeGreaterThan(100);
  });
});
