import { CodedError, messageOf } from "../../core/base/errors.ts";
import type { Log } from "../../core/base/log.ts";
import type { Tracing } from "../../core/base/tracing.ts";
import type { EventSink } from "../../core/events/sink.ts";
import { outcomeOf } from "../answer/outcome.ts";
import { refuse, respond, respondLeft } from "../answer/respond.ts";
import { ADMISSION_ERRORS } from "../errors.ts";
import { type GateDeps, gate } from "../gate.ts";
import { isAdmitted } from "../judge.ts";
import { type Mutation, mutate } from "../mutate.ts";
import type { DecisionLog } from "../record/decision-log.ts";
import { decisionRecord } from "../record/decision-record.ts";
import { type AdmissionMetrics, type Door, decisionEvent } from "../record/observe.ts";
import type { ReviewRequest, ReviewResponse } from "../review.ts";

/** Everything that hears of a decision. */
export interface Witnesses {
  readonly log: Log;
  readonly metrics: AdmissionMetrics;
  readonly tracing: Tracing;
  readonly decisions: Pick<DecisionLog, "append">;
  readonly events: Pick<EventSink, "emit">;
}

/** @throws {CodedError} what could not be found out: the review is refused for it */
export type Prepare = (request: ReviewRequest, gate: GateDeps, signal: AbortSignal) => Promise<GateDeps>;

export interface DoorDeps {
  readonly gate: GateDeps;
  /** What one review is decided by, where that takes asking: its namespace's labels, its pull secrets. */
  readonly prepare?: Prepare;
  readonly witnesses: Witnesses;
  /** What becomes of an admission that cannot be recorded; "answer" when absent. */
  readonly whenUnwritable?: "answer" | "refuse";
}

/** Answers one review that was read; never throws. */
export type Answer = (request: ReviewRequest, signal: AbortSignal, traceparent?: string) => Promise<ReviewResponse>;

/** The webhook's two doors over the one gate. */
export function createDoors(deps: DoorDeps): Readonly<Record<Door, Answer>> {
  return {
    validate: (request, signal, traceparent) =>
      answer("validate", request, deps, traceparent, async () => {
        const verdict = await gate(request, await prepared(request, deps, signal), true, signal);
        return { verdict, operations: [], warnings: [], left: false };
      }),
    mutate: (request, signal, traceparent) =>
      answer("mutate", request, deps, traceparent, async () =>
        mutate(request, await prepared(request, deps, signal), signal),
      ),
  };
}

async function prepared(request: ReviewRequest, { gate: deps, prepare }: DoorDeps, signal: AbortSignal) {
  return prepare === undefined ? deps : prepare(request, deps, signal);
}

function answer(
  door: Door,
  request: ReviewRequest,
  deps: DoorDeps,
  traceparent: string | undefined,
  work: () => Promise<Mutation>,
): Promise<ReviewResponse> {
  const {
    witnesses,
    gate: { clock },
  } = deps;
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
    const unrecorded = await record(door, request, mutation, deps, clock(), span.traceId);
    if (unrecorded !== undefined && deps.whenUnwritable === "refuse" && isAdmitted(verdict))
      return respond(request.uid, refuse(request, unrecorded));
    return left ? respondLeft(request.uid, operations) : respond(request.uid, verdict, operations, warnings);
  });
}

/**
 * A decision is recorded once, by the door that decides: /validate, or /mutate where it refuses. A dry run leaves
 * nothing behind. The answer waits until its record is written.
 *
 * @returns why it could not be
 */
async function record(
  door: Door,
  request: ReviewRequest,
  { verdict, left }: Mutation,
  { witnesses: { decisions, events }, gate: { policies } }: DoorDeps,
  nowMs: number,
  traceId: string,
): Promise<Error | undefined> {
  const decides = door === "validate" || (!left && !isAdmitted(verdict));
  if (request.dryRun || !decides) return undefined;
  events.emit(decisionEvent(request, verdict, nowMs, traceId));
  try {
    await decisions.append(decisionRecord(door, request, verdict, policies(), nowMs));
    return undefined;
  } catch (thrown) {
    const { fix } = ADMISSION_ERRORS.AUDIT_UNWRITABLE;
    return new CodedError("AUDIT_UNWRITABLE", `the decision log: ${messageOf(thrown)}`, fix, { cause: thrown });
  }
}
