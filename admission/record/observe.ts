import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { MetricSpec } from "../../core/base/metric.ts";
import { EVENT_VALUE_LIMIT, type OutriderEvent } from "../../core/events/event.ts";
import { outcomeOf, outcomeWord, violationsOf } from "../answer/outcome.ts";
import { headLine, renderVerdict } from "../answer/render.ts";
import type { Verdict } from "../judge.ts";
import { ADMISSION_METRICS } from "../metrics.ts";
import type { ReviewRequest } from "../review.ts";

/** Buckets of a review's duration, in seconds: an answer from the cache to the API server's longest time-out. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export type Door = "validate" | "mutate";

/** Namespaces with numbers of their own; those that come later share one line, so that nobody fills our memory with names. */
export const NAMESPACES_COUNTED = 2000;

/** The gate's numbers. */
export interface AdmissionMetrics {
  readonly registry: Registry;
  reviewed(door: Door, verdict: Verdict, seconds: number): void;
  /** One that was refused before it was judged. */
  unread(door: Door, code: string): void;
}

/** @param certificateExpirySeconds  asked at each scrape */
export function createMetrics(certificateExpirySeconds: () => number): AdmissionMetrics {
  const registry = new Registry();
  const registers = [registry];
  const reviews = new Counter({ ...namesOf(ADMISSION_METRICS.reviews), registers });
  const violations = new Counter({ ...namesOf(ADMISSION_METRICS.violations), registers });
  const unread = new Counter({ ...namesOf(ADMISSION_METRICS.unread), registers });
  const duration = new Histogram({ ...namesOf(ADMISSION_METRICS.duration), buckets: DURATION_BUCKETS, registers });
  const expiry: Gauge = new Gauge({
    ...namesOf(ADMISSION_METRICS.certificateExpiry),
    registers,
    collect: (): void => expiry.set(certificateExpirySeconds()),
  });
  const namespaces = new Set<string>();
  const counted = (name: string): string => {
    if (namespaces.size < NAMESPACES_COUNTED) namespaces.add(name);
    return namespaces.has(name) ? name : "(others)";
  };
  return {
    registry,
    reviewed: (door, verdict, seconds) => {
      const namespace = counted(verdict.subject.namespace);
      const outcome = outcomeOf(verdict);
      reviews.inc({ path: door, outcome, namespace });
      duration.observe({ path: door, outcome }, seconds);
      for (const { part, violation } of violationsOf(verdict)) {
        violations.inc({ code: violation.code, mode: part.mode, namespace });
      }
    },
    unread: (door, code) => {
      reviews.inc({ path: door, outcome: "invalid", namespace: "" });
      unread.inc({ path: door, code });
    },
  };
}

function namesOf<L extends string>(spec: MetricSpec<L>): { name: string; help: string; labelNames: L[] } {
  return { name: spec.name, help: spec.help, labelNames: [...spec.labels] };
}

/** A decision as the collector keeps it. */
export function decisionEvent(request: ReviewRequest, verdict: Verdict, nowMs: number, traceId: string): OutriderEvent {
  const outcome = outcomeWord(outcomeOf(verdict));
  const codes = [...new Set(violationsOf(verdict).map(({ violation }) => violation.code))];
  const facts = verdict.parts.flatMap((part) =>
    part.facts === undefined ? [] : [{ ...part.facts, image: part.about }],
  );
  return {
    kind: "decision",
    atMs: nowMs,
    from: "admission",
    subject: verdict.subject.name,
    outcome,
    message: messageFor(verdict, outcome),
    ...(request.namespace === "" ? {} : { namespace: request.namespace }),
    severity: ({ admitted: "info", warned: "warn", refused: "error" } as const)[outcome],
    attributes: {
      operation: request.operation,
      uid: request.uid,
      ...(traceId === "" ? {} : { traceId }),
      ...(codes.length > 0 ? { codes: codes.join(","), violations: violationLines(verdict) } : {}),
      ...joined(
        "image",
        facts.map(({ image }) => image),
      ),
      ...joined(
        "digest",
        facts.flatMap(({ digest }) => digest ?? []),
      ),
      ...joined(
        "signer",
        facts.flatMap(({ signers }) => signers),
      ),
      ...joined(
        "scan",
        facts.map(({ scan }) => scan),
      ),
    },
  };
}

/** One sentence: the first violation, or how many images passed. */
function messageFor(verdict: Verdict, outcome: string): string {
  const [first] = violationsOf(verdict);
  if (first !== undefined) {
    const { code, path, found, expected } = first.violation;
    return `${code} at ${path}: found ${found}, expected ${expected}`.slice(0, 1024);
  }
  return outcome === "refused" ? (renderVerdict(verdict).split("\n").at(3) ?? "").trim() : headLine(verdict);
}

/** One violation a line, whole lines only. */
function violationLines(verdict: Verdict): string {
  const lines = violationsOf(verdict).map(
    ({ violation: { code, path, found, expected, fix } }) =>
      `${code} at ${path}: found ${found}, expected ${expected}; fix: ${fix}`,
  );
  const text = lines.join("\n");
  if (text.length <= EVENT_VALUE_LIMIT) return text;
  const lastWhole = text.lastIndexOf("\n", EVENT_VALUE_LIMIT);
  return text.slice(0, lastWhole === -1 ? EVENT_VALUE_LIMIT : lastWhole);
}

function joined(name: string, values: readonly string[]): Readonly<Record<string, string>> {
  const distinct = [...new Set(values)];
  return distinct.length === 0 ? {} : { [name]: distinct.join(", ").slice(0, EVENT_VALUE_LIMIT) };
}
