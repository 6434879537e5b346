import type { Log } from "../../core/base/log.ts";
import type { Tracing } from "../../core/base/tracing.ts";
import type { EventSink } from "../../core/events/sink.ts";
import { outcomeOf } from "../answer/outcome.ts";
import { refuse, respond, respondLeft } from "../answer/respond.ts";
import { type GateDeps, gate } from "../gate.ts";
import { isAdmitted } from "../judge.ts";
import { type Mutation, mutate } from "../mutate.ts";
import type { DecisionLog } from "../record/decision-log.ts";
import { type AdmissionMetrics, type Door, decisionEvent, decisionRecord } from "../record/observe.ts";
import type { ReviewRequest, ReviewResponse } from "../review.ts";

/** Everything that hears of a decision. */
export interface Witnesses {
  readonly log: Log;
  readonly metrics: AdmissionMetrics;
  readonly tracing: Tracing;
  readonly decisions: DecisionLog;
  readonly events: Pick<EventSink, "emit">;
}

export interface DoorDeps {
  readonly gate: GateDeps;
  /** Makes sure that a namespace is known before rules are chosen by its labels; absent where all are. */
  readonly know?: (namespace: string, signal: AbortSignal) => Promise<void>;
  readonly witnesses: Witnesses;
}

/** Answers one review that was read; never throws. */
export type Answer = (request: ReviewRequest, signal: AbortSignal, traceparent?: string) => Promise<ReviewResponse>;

/** The webhook's two doors over the one gate. */
export function createDoors(deps: DoorDeps): Readonly<Record<Door, Answer>> {
  return {
    validate: (request, signal, traceparent) =>
      answer("validate", request, deps, traceparent, async () => {
        await deps.know?.(request.namespace, signal);
        const verdict = await gate(request, deps.gate, true, signal);
        return { verdict, operations: [], warnings: [], left: false };
      }),
    mutate: (request, signal, traceparent) =>
      answer("mutate", request, deps, traceparent, async () => {
        await deps.know?.(request.namespace, signal);
        return mutate(request, deps.gate, signal);
      }),
  };
}

function answer(
  door: Door,
  request: ReviewRequest,
  { witnesses, gate: { clock } }: DoorDeps,
  traceparent: string | undefined,
  work: () => Promise<Mutation>,
): Promise<ReviewResponse> {
  const attributes = { "outrider.admission.operation": request.operation, "k8s.namespace.name": request.namespace };
  return witnesses.tracing.withSpan(`admission ${door}`, { kind: "server", attributes, traceparent }, async (span) => {
    const startedMs = clock();
    const mutation = await work().catch((thrown: unknown): Mutation => {
      witnesses.log.warn({ err: thrown, subject: request.name, door }, "review refused on an error");
      return { verdict: refuse(request, thrown), operations: [], warnings: [], left: false };
    });
    const { verdict, operations, warnings, left } = mutation;
    span.set({ "outrider.admission.outcome": outcomeOf(verdict), "outrider.admission.subject": verdict.subject.name });
    witnesses.metrics.reviewed(door, verdict, (clock() - startedMs) / 1000);
    record(door, request, mutation, witnesses, clock(), span.traceId);
    return left ? respondLeft(request.uid, operations) : respond(request.uid, verdict, operations, warnings);
  });
}

/**
 * A decision is recorded once, by the door that decides: /validate, or /mutate where it refuses. A dry run leaves
 * nothing behind. A record that cannot be written does not change the answer; the log says so.
 */
function record(
  door: Door,
  request: ReviewRequest,
  { verdict, left }: Mutation,
  { decisions, events, log }: Witnesses,
  nowMs: number,
  traceId: string,
): void {
  const decides = door === "validate" || (!left && !isAdmitted(verdict));
  if (request.dryRun || !decides) return;
  try {
    decisions.append(decisionRecord(door, request, verdict, nowMs));
  } catch (err) {
    log.error({ err }, "decision not recorded");
  }
  events.emit(decisionEvent(request, verdict, nowMs, traceId));
}
