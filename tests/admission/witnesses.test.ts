import { describe, expect, it } from "@jest/globals";
import type { GateDeps } from "../../admission/gate.ts";
import { createDoors, type DoorDeps } from "../../admission/https/doors.ts";
import type { DecisionRecord } from "../../admission/record/decision-record.ts";
import { createMetrics } from "../../admission/record/observe.ts";
import { parseReview } from "../../admission/review.ts";
import { silentLog } from "../../core/base/log.ts";
import { NO_TRACING } from "../../core/base/tracing.ts";
import type { OutriderEvent } from "../../core/events/event.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import { requestFor } from "./support/webhook.ts";

const SETTINGS = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "shop" } };

/** One object without a pod, asked of /validate, and everything that was told of it. */
async function told(gate: Partial<GateDeps>, options: Partial<DoorDeps> = {}, append = async () => {}) {
  const events: OutriderEvent[] = [];
  const records: DecisionRecord[] = [];
  const metrics = createMetrics(() => 0);
  const doors = createDoors({
    gate: {
      policies: () => [],
      namespaceLabels: () => ({}),
      sources: {
        images: { collect: () => Promise.reject(new Error("it has no image")) },
        rego: { run: () => Promise.reject(new Error("no rule asked for")) },
      },
      clock: () => 0,
      ...gate,
    },
    witnesses: {
      log: silentLog,
      metrics,
      tracing: NO_TRACING,
      decisions: {
        append: async (record) => {
          await append();
          records.push(record);
        },
      },
      events: { emit: (event) => void events.push(event) },
    },
    ...options,
  });
  const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: requestFor(SETTINGS) };
  const answer = await doors.validate(parseReview(JSON.stringify(review)), AbortSignal.timeout(10_000));
  return { answer, events, records, metrics: await metrics.registry.metrics() };
}

const policy = (name: string) => ({ metadata: { name }, spec: { match: { namespaces: ["elsewhere"] } } });

describe("who hears of a decision hears of the one that was answered", () => {
  it("when an admission is refused because it cannot be recorded", async () => {
    const full = () => Promise.reject(new Error("no space left on device"));
    const { answer, events, metrics } = await told({}, { whenUnwritable: "refuse" }, full);
    expect(answer.allowed).toBe(false);
    expect(events).toEqual([expect.objectContaining({ outcome: "refused" })]);
    expect(metrics).toContain(
      'outrider_admission_reviews_total{path="validate",outcome="undecided",namespace="shop"} 1',
    );
  });

  it("with the policies that it was judged by, when they change meanwhile", async () => {
    const [before, after] = [[policy("before")], [policy("after")]] as unknown as ImagePolicy[][];
    let current = before;
    const policies = () => current ?? [];
    const running = () => {
      current = after;
      return new Set<never>();
    };
    const { records } = await told({ policies, running });
    const { records: wanted } = await told({ policies: () => before ?? [] });
    expect(records[0]?.policies).toBe(wanted[0]?.policies);
  });
});
