import { describe, expect, it } from "@jest/globals";
import { startTracing } from "../../../core/base/tracing.ts";
import { startSink } from "../../support/telemetry-sink.ts";

describe("tracing", () => {
  it("carries on the caller's trace, nests, and passes errors on", async () => {
    const sink = await startSink();
    const tracing = await startTracing({ component: "test", instance: "1", url: sink.url });
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const seen: string[] = [];
    const work = tracing.withSpan("outer", { traceparent: `00-${traceId}-b7ad6b7169203331-01` }, async (outer) => {
      seen.push(outer.traceId);
      await tracing.withSpan("inner", {}, async (inner) => void seen.push(inner.traceId));
      throw new Error("as it was");
    });
    await expect(work).rejects.toThrow("as it was");
    await tracing.close();
    expect(seen).toEqual([traceId, traceId]);
    const sent = sink.bodies.map(({ text }) => text).join();
    for (const name of ["outer", "inner", "outrider-test"]) expect(sent).toContain(name);
    expect(new Set(sink.bodies.map(({ path }) => path))).toEqual(new Set(["/v1/traces"]));
    sink.close();
  });

  it("without a collector runs the work and loads nothing", async () => {
    const tracing = await startTracing({ component: "test", instance: "1" });
    expect(await tracing.withSpan("outer", {}, async (span) => `${span.traceId}done`)).toBe("done");
    await tracing.close();
  });

  it("of a collector that is away holds up neither the work nor the end", async () => {
    const tracing = await startTracing({ component: "test", instance: "1", url: "http://127.0.0.1:1" });
    expect(await tracing.withSpan("outer", {}, async () => "done")).toBe("done");
    await tracing.close();
  });
});
