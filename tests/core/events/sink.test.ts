import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { silentLog } from "../../../core/base/log.ts";
import type { OutriderEvent } from "../../../core/events/event.ts";
import { eventOfLogRecord } from "../../../core/events/otlp-form.ts";
import { createEventSink, EVENT_QUEUE_LIMIT, type EventSink } from "../../../core/events/sink.ts";
import { decodeLogs } from "../../../core/wire/otlp/otlp.ts";

const EVENT: OutriderEvent = {
  kind: "decision",
  atMs: 1_767_225_600_000,
  from: "admission",
  subject: "Pod shop/checkout",
  outcome: "refused",
  message: "2 of 3 images are unsigned",
  namespace: "shop",
  service: "checkout",
  severity: "error",
  attributes: { rule: "production", digest: "sha256:77ab" },
};

type Received = OutriderEvent & { id: string };

/** A collector that keeps what it is sent, or answers 503 while it is away. */
class FakeCollector {
  readonly events: Received[] = [];
  readonly resources: object[] = [];
  away = false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeCollector> {
    const server = createServer();
    const collector = new FakeCollector(server);
    server.on("request", async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      if (!collector.away) collector.#take(Buffer.concat(chunks));
      response.writeHead(collector.away ? 503 : 200).end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get heartbeats(): string[] {
    return this.events.filter(({ kind }) => kind === "lifecycle").map(({ outcome }) => outcome);
  }

  get stories(): Received[] {
    return this.events.filter(({ kind }) => kind !== "lifecycle");
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take(body: Uint8Array): void {
    for (const { resource, items } of decodeLogs(body, "json").parts) {
      this.resources.push(resource);
      for (const record of items) this.events.push(eventOfLogRecord(record) as Received);
    }
  }
}

const resource = { "outrider.component": "admission", "service.instance.id": "a-1" };
const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function pair(intervalMs = 40): Promise<[FakeCollector, EventSink]> {
  const collector = await FakeCollector.start();
  open.push(() => collector.stop());
  const sink = createEventSink({ url: collector.url, resource, intervalMs, log: silentLog });
  open.push(() => sink.close());
  return [collector, sink];
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 500) throw new Error("did not come true");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("an event sink", () => {
  it("delivers an event as it was, with the sender's resource", async () => {
    const [collector, sink] = await pair();
    sink.emit(EVENT);
    await until(() => collector.stories.length === 1);
    expect(collector.stories[0]).toEqual({ ...EVENT, id: expect.stringContaining("a-1/") });
    expect(collector.resources[0]).toEqual(resource);
  });

  it("says that it is alive, and that it is stopping", async () => {
    const [collector, sink] = await pair();
    await until(() => collector.heartbeats.length >= 2);
    await sink.close();
    expect(collector.heartbeats[0]).toBe("alive");
    expect(collector.heartbeats.at(-1)).toBe("stopping");
  });

  it("keeps events while the collector is away, and sends each once it is back", async () => {
    const [collector, sink] = await pair();
    collector.away = true;
    for (let n = 0; n < 300; n++) sink.emit({ ...EVENT, subject: `Pod ${n}` });
    await new Promise((resolve) => setTimeout(resolve, 120));
    collector.away = false;
    await until(() => collector.stories.length >= 300);
    expect(collector.stories.map(({ subject }) => subject)).toEqual(Array.from({ length: 300 }, (_, n) => `Pod ${n}`));
    expect(new Set(collector.stories.map(({ id }) => id)).size).toBe(300);
    expect(sink.dropped).toBe(0);
  });

  it("drops the oldest and counts them when its queue is full", async () => {
    const [collector, sink] = await pair();
    collector.away = true;
    for (let n = 0; n < EVENT_QUEUE_LIMIT + 100; n++) sink.emit(EVENT);
    expect(sink.dropped).toBeGreaterThanOrEqual(100);
  });

  it("never throws into its caller, also when nobody listens", async () => {
    const sink = createEventSink({ url: "http://127.0.0.1:1", resource, log: silentLog });
    expect(() => sink.emit(EVENT)).not.toThrow();
    await expect(sink.close()).resolves.toBeUndefined();
  });
});
