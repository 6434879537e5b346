import { CodedError, messageOf } from "../../core/base/errors.ts";
import type { Log } from "../../core/base/log.ts";
import type { Tracing } from "../../core/base/tracing.ts";
import type { EventSink } from "../../core/events/sink.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
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
  const { prepare = async (_request, gateDeps) => gateDeps } = deps;
  return {
    validate: (request, signal, traceparent) =>
      answer("validate", request, deps, traceparent, async (gateDeps) => {
        const verdict = await gate(request, await prepare(request, gateDeps, signal), true, signal);
        return { verdict, operations: [], warnings: [], left: false };
      }),
    mutate: (request, signal, traceparent) =>
      answer("mutate", request, deps, traceparent, async (gateDeps) =>
        mutate(request, await prepare(request, gateDeps, signal), signal),
      ),
  };
}

/** Decides by the policies in force when it begins, records that, and tells everybody what is then answered. */
function answer(
  door: Door,
  request: ReviewRequest,
  deps: DoorDeps,
  traceparent: string | undefined,
  work: (gateDeps: GateDeps) => Promise<Mutation>,
): Promise<ReviewResponse> {
  const { witnesses, gate: gateDeps } = deps;
  const { clock } = gateDeps;
  const attributes = { "outrider.admission.operation": request.operation, "k8s.namespace.name": request.namespace };
  return witnesses.tracing.withSpan(`admission ${door}`, { kind: "server", attributes, traceparent }, async (span) => {
    const startedMs = clock();
    const policies = gateDeps.policies();
    const decided = await work({ ...gateDeps, policies: () => policies }).catch((thrown: unknown): Mutation => {
      witnesses.log.warn({ err: thrown, subject: request.name, door }, "review refused on an error");
      return refusal(request, thrown);
    });
    const told = !request.dryRun && decides(door, decided);
    const mutation = told ? await recorded(door, request, decided, policies, deps) : decided;
    const { verdict, operations, warnings, left } = mutation;
    span.set({ "outrider.admission.outcome": outcomeOf(verdict), "outrider.admission.subject": verdict.subject.name });
    witnesses.metrics.reviewed(door, verdict, (clock() - startedMs) / 1000);
    if (told) witnesses.events.emit(decisionEvent(request, verdict, clock(), span.traceId));
    return left ? respondLeft(request.uid, operations) : respond(request.uid, verdict, operations, warnings);
  });
}

/** A decision is told once, by the door that decides: /validate, or /mutate where it refuses. A dry run leaves nothing behind. */
function decides(door: Door, { verdict, left }: Mutation): boolean {
  return door === "validate" || (!left && !isAdmitted(verdict));
}

/**
 * The decision once its record is written, which the answer waits for. One that cannot be recorded stands, or is refused
 * for that, as the operator chose.
 */
async function recorded(
  door: Door,
  request: ReviewRequest,
  decided: Mutation,
  policies: readonly ImagePolicy[],
  { witnesses: { decisions }, gate: { clock }, whenUnwritable }: DoorDeps,
): Promise<Mutation> {
  try {
    await decisions.append(decisionRecord(door, request, decided.verdict, policies, clock()));
    return decided;
  } catch (thrown) {
    if (whenUnwritable !== "refuse" || !isAdmitted(decided.verdict)) return decided;
    const { fix } = ADMISSION_ERRORS.AUDIT_UNWRITABLE;
    const message = `the decision log: ${messageOf(thrown)}`;
    return refusal(request, new CodedError("AUDIT_UNWRITABLE", message, fix, { cause: thrown }));
  }
}

function refusal(request: ReviewRequest, thrown: unknown): Mutation {
  return { verdict: refuse(request, thrown), operations: [], warnings: [], left: false };
}
