import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCollectorConfig } from "../../../collector/config.ts";
import type { Overview } from "../../../collector/overview.ts";
import { startCollector } from "../../../collector/start.ts";
import type { Closable } from "../../../core/base/lifecycle.ts";
import { silentLog } from "../../../core/base/log.ts";
import type { MetricData, Resource } from "../../../core/wire/otlp/model.ts";
import { encodeMetrics } from "../../../core/wire/otlp/otlp.ts";

/** Promises that every test collector watches. */
export const MANIFEST = `
apiVersion: v1
kind: Service
metadata:
  name: payments
  namespace: shop
  annotations:
    slo.outrider.dev/availability: "99.9"
    slo.outrider.dev/latency: "99% < 300ms"
spec: { selector: { app: payments }, ports: [{ port: 8080 }] }
`;

export interface TestCollector {
  readonly otlp: string;
  readonly web: string;
  overview(): Promise<Overview>;
  metrics(): Promise<string>;
  /** An orderly stop. */
  stop(): Promise<void>;
}

export interface TestFolder {
  readonly path: string;
  /** Starts a collector whose state is in this folder. */
  start(options?: { timeScale?: number; instanceTimeout?: string }): Promise<TestCollector>;
  /** Stops what is still running and removes the folder. */
  remove(): Promise<void>;
}

export function testFolder(): TestFolder {
  const path = mkdtempSync(join(tmpdir(), "outrider-collector-"));
  const running = new Set<TestCollector>();
  mkdirSync(join(path, "manifests"));
  writeFileSync(join(path, "manifests/service.yaml"), MANIFEST);
  return {
    path,
    start: async ({ timeScale = 1, instanceTimeout = "30s" } = {}) => {
      const file = join(path, "collector.yaml");
      writeFileSync(file, configText(timeScale, instanceTimeout));
      const collector = await start(file, () => running.delete(collector));
      running.add(collector);
      return collector;
    },
    remove: async () => {
      for (const collector of running) await collector.stop();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function configText(timeScale: number, instanceTimeout: string): string {
  return `otlp: { listen: "127.0.0.1:0" }
web: { listen: "127.0.0.1:0" }
stateDir: ./state
cluster: { folder: ./manifests }
slo: { timeScale: ${timeScale} }
instanceTimeout: ${instanceTimeout}
`;
}

async function start(file: string, onStop: () => void): Promise<TestCollector> {
  const opened: Closable[] = [];
  const addresses = await startCollector(readCollectorConfig(file), silentLog, (closable) => opened.push(closable));
  const [otlp, web] = [`http://${addresses["otlp"]}`, `http://${addresses["web"]}`];
  return {
    otlp,
    web,
    overview: async () => (await (await fetch(`${web}/api/v1/overview`)).json()) as Overview,
    metrics: async () => (await fetch(`${web}/metrics`)).text(),
    stop: async () => {
      onStop();
      for (const closable of opened.toReversed()) await closable.close();
    },
  };
}

export function post(url: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Response> {
  const type = typeof body === "string" ? "application/json" : "application/x-protobuf";
  return fetch(url, { method: "POST", headers: { "content-type": type, ...headers }, body: body as BodyInit });
}

/** A sidecar as the collector sees it: cumulative counters since its start, exported when asked. */
export class FakeSidecar {
  readonly resource: Resource;
  readonly #collector: () => string;
  readonly #counts = new Map<string, number>();
  #startNs = BigInt(Date.now()) * 1_000_000n;

  constructor(collector: () => string, service = "payments", pod = `${service}-1`) {
    this.#collector = collector;
    const names = { "service.name": service, "service.namespace": "shop", "k8s.pod.name": pod };
    this.resource = { ...names, "service.instance.id": `uid-${pod}`, "outrider.component": "sidecar" };
  }

  /** @param status  "200", "503" */
  serve(status: string, count = 1, labels: Record<string, string> = {}): void {
    const key = JSON.stringify({ ...this.#labels(), ...labels, status });
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  restart(): void {
    this.#counts.clear();
    this.#startNs = BigInt(Date.now()) * 1_000_000n + 1n;
  }

  body(timeNs = BigInt(Date.now()) * 1_000_000n): Uint8Array {
    const startNs = this.#startNs;
    const points = [...this.#counts].map(([key, value]) => ({ attributes: JSON.parse(key), startNs, timeNs, value }));
    const all = points.reduce((sum, { value }) => sum + value, 0);
    const times = { attributes: this.#labels(), startNs, timeNs };
    const metrics: MetricData[] = [
      { name: "outrider_requests_total", unit: "1", kind: "sum", points },
      {
        name: "outrider_request_duration_seconds",
        unit: "s",
        kind: "exponential",
        points: [{ ...times, count: all, sum: all * 0.01, scale: 3, zeroCount: 0, offset: -54, counts: [all] }],
      },
    ];
    return encodeMetrics(this.resource, metrics);
  }

  async export(): Promise<void> {
    const answer = await post(`${this.#collector()}/v1/metrics`, this.body());
    if (answer.status !== 200) throw new Error(`collector answered ${answer.status}: ${await answer.text()}`);
  }

  #labels(): Record<string, string> {
    const { "service.name": service, "k8s.pod.name": pod } = this.resource as Record<string, string>;
    const common = { direction: "inbound", namespace: "shop", peer: "checkout", route: "/pay", method: "POST" };
    return { ...common, service: service ?? "", pod: pod ?? "" };
  }
}

/** Waits until something holds, asking every few milliseconds. */
export async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean, withinMs = 10_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (holds(value)) return value;
    if (Date.now() > deadline)
      throw new Error(`did not come true within ${withinMs} ms: ${JSON.stringify(value).slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
