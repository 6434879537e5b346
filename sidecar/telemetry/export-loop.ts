import type { Log } from "../../core/base/log.ts";
import type { Resource } from "../../core/wire/otlp/model.ts";
import { encodeMetrics, encodeTraces } from "../../core/wire/otlp/otlp.ts";
import { SPANS_PER_EXPORT } from "../limits.ts";
import { toOtlp } from "./catalogue.ts";
import { postOtlp } from "./exporter.ts";
import type { Telemetry } from "./telemetry.ts";

export interface ExportOptions {
  readonly url: string;
  readonly intervalMs: number;
  /** Asked each time: the service's name comes with the first snapshot. */
  readonly resource: () => Resource;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

/**
 * Sends metrics (cumulative) and finished spans every interval; one export at a time, so a slow collector costs no
 * memory. A failed metrics export loses nothing but resolution; spans wait in their bounded queue.
 */
export function startExport({ url, intervalMs, resource, telemetry, log }: ExportOptions) {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  let running: Promise<void> | undefined;
  let failing = false;

  const exportOnce = async (): Promise<void> => {
    const outcomes = await Promise.allSettled([sendMetrics(), sendSpans()]);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined && !failing) log.warn({ err: failed.reason }, "export failed; retrying quietly");
    failing = failed !== undefined;
  };
  const sendMetrics = async (): Promise<void> => {
    const timeNs = BigInt(Date.now()) * 1_000_000n;
    const metrics = toOtlp(telemetry.readings(), startNs, timeNs);
    await postOtlp(url, "v1/metrics", encodeMetrics(resource(), metrics)).catch((error: unknown) => {
      telemetry.droppedMetricExports++;
      throw error;
    });
  };
  const sendSpans = async (): Promise<void> => {
    const spans = telemetry.tracer.take(SPANS_PER_EXPORT);
    if (spans.length === 0) return;
    await postOtlp(url, "v1/traces", encodeTraces(resource(), spans)).catch((error: unknown) => {
      telemetry.tracer.giveBack(spans);
      throw error;
    });
  };
  const tick = (): Promise<void> => {
    running ??= exportOnce().finally(() => {
      running = undefined;
    });
    return running;
  };
  const timer = setInterval(tick, intervalMs);
  return {
    /** Sends what is left, once. */
    close: async (): Promise<void> => {
      clearInterval(timer);
      await running;
      await tick();
    },
  };
}
