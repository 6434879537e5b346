import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Collector } from "../../collector/collector.ts";
import { INSTANCE_LIMIT, LOSSES_TOLD_LIMIT } from "../../collector/instances.ts";
import { silentLog } from "../../core/base/log.ts";
import { encodeMetrics } from "../../core/wire/otlp/otlp.ts";
import { FakeSidecar, type TestFolder, testFolder, until } from "./support/collector.ts";

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

const TIMEOUT_MS = 3_000;
const START_MS = 1_700_000_000_000;

/** A collector whose clock the test moves. */
class Watched {
  nowMs = START_MS;
  readonly #open = new Set<Collector>();

  async start(): Promise<Collector> {
    const common = { objectives: [], timeScale: 1, instanceTimeoutMs: TIMEOUT_MS, log: silentLog };
    const collector = await Collector.open({ ...common, stateDir: `${folder.path}/state`, clock: () => this.nowMs });
    this.#open.add(collector);
    return collector;
  }

  /** Time passes, with a look every second. */
  async pass(collector: Collector, ms: number, each: () => Promise<unknown> = async () => {}): Promise<void> {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += 1_000;
      await each();
      await collector.tick();
    }
  }

  async close(): Promise<void> {
    for (const collector of this.#open) await collector.close();
    this.#open.clear();
  }
}

const hello = (collector: Collector, pod = "payments-1", service = "payments") => {
  const { resource } = new FakeSidecar(() => "", service, pod);
  const points = [{ attributes: {}, startNs: 0n, timeNs: 1n, value: 1 }];
  const body = encodeMetrics(resource, [{ name: "up", unit: "1", kind: "gauge", points }]);
  return collector.accept({ signal: "metrics", encoding: "protobuf", body });
};

const told = (collector: Collector) =>
  collector.parts.events
    .newest(100)
    .filter(({ kind }) => kind === "lifecycle")
    .map(({ outcome, subject }) => `${outcome} ${subject}`)
    .toReversed();

describe("an instance that falls silent", () => {
  const watched = new Watched();
  afterEach(() => watched.close());

  it("is told once, and once more when it is back, with how long it was silent", async () => {
    const collector = await watched.start();
    await hello(collector);
    await watched.pass(collector, 10_000);
    expect(collector.parts.events.newest(9)).toEqual([
      expect.objectContaining({
        kind: "lifecycle",
        outcome: "lost",
        severity: "error",
        subject: "sidecar shop/payments",
        namespace: "shop",
        service: "payments",
        message: "payments-1 fell silent: nothing heard for 4 s",
      }),
    ]);
    await hello(collector);
    await watched.pass(collector, 2_000);
    expect(collector.parts.events.newest(1)[0]).toMatchObject({
      outcome: "returned",
      severity: "info",
      message: "payments-1 is heard again after 10 s of silence",
    });
    expect(told(collector)).toEqual(["lost sidecar shop/payments", "returned sidecar shop/payments"]);
  });

  it("shows in the overview that the page reads", async () => {
    const collector = await folder.start({ instanceTimeout: "200ms" });
    const sidecar = new FakeSidecar(() => collector.otlp);
    await sidecar.export();
    const outcomes = async () => (await collector.overview()).events.map((event) => `${event.kind} ${event.outcome}`);
    await until(outcomes, (seen) => seen.includes("lifecycle lost"));
    await sidecar.export();
    await until(outcomes, (seen) => seen[0] === "lifecycle returned");
  });

  it("is neither forgotten nor told again by a collector that restarts", async () => {
    const first = await watched.start();
    await hello(first);
    await watched.pass(first, 6_000);
    const second = await watched.start();
    await watched.pass(second, 10_000);
    expect(told(second)).toEqual(["lost sidecar shop/payments"]);
    await hello(second);
    await watched.pass(second, 1_000);
    expect(told(second)).toEqual(["lost sidecar shop/payments", "returned sidecar shop/payments"]);
  });

  it("is found out by a collector that was down when it died", async () => {
    const first = await watched.start();
    await hello(first);
    watched.nowMs += 60_000;
    const second = await watched.start();
    await watched.pass(second, 2_000);
    expect(told(second)).toEqual([]);
    await watched.pass(second, 3_000);
    expect(told(second)).toEqual(["lost sidecar shop/payments"]);
  });
});

describe("nobody is called lost", () => {
  const watched = new Watched();
  afterEach(() => watched.close());

  it.each([
    ["forward", 3_600_000],
    ["back", -3_600_000],
  ])("because the clock jumped %s; who is silent after it still is", async (_, jumpMs) => {
    const collector = await watched.start();
    await hello(collector, "payments-1");
    await hello(collector, "web-1", "web");
    await watched.pass(collector, 1_000);
    watched.nowMs += jumpMs;
    await watched.pass(collector, 10_000, () => hello(collector, "web-1", "web"));
    expect(told(collector)).toEqual(["lost sidecar shop/payments"]);
  });
});

describe("a loss of many at once", () => {
  const watched = new Watched();
  afterEach(() => watched.close());

  it("leaves room for other events, and a flood of names is bounded", async () => {
    const collector = await watched.start();
    await watched.pass(collector, 1_000);
    for (let i = 0; i < INSTANCE_LIMIT + 50; i++) collector.parts.instances.seen(resourceOf(i), watched.nowMs);
    await watched.pass(collector, 5_000);
    expect(told(collector)).toHaveLength(LOSSES_TOLD_LIMIT + 1);
    expect(told(collector).at(-1)).toBe(`lost ${INSTANCE_LIMIT - 1 - LOSSES_TOLD_LIMIT} more instances`);
    expect(collector.parts.instances.views(watched.nowMs)[5]?.instance.length).toBeLessThan(300);
  });
  const resourceOf = (i: number) => ({
    "outrider.component": "sidecar",
    "service.instance.id": `${i} ${"x".repeat(9_000)}`,
  });
});
