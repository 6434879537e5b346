import { outcomeOf } from "./answer/outcome.ts";
import { plainPart } from "./answer/plain-text.ts";
import { type GateDeps, gate } from "./gate.ts";
import { injectSidecar } from "./inject.ts";
import { isAdmitted, type Verdict } from "./judge.ts";
import { type PatchOperation, pinImages } from "./pin.ts";
import type { ReviewRequest } from "./review.ts";

/** What /mutate answers. */
export interface Mutation {
  readonly verdict: Verdict;
  readonly operations: readonly PatchOperation[];
  readonly warnings: readonly string[];
  /** The object will be refused, and /validate is the one that says so. */
  readonly left: boolean;
}

/**
 * Pins every image whose digest is known, and gives the pod its sidecar where it may be admitted: what could not be
 * found out now may be by the time /validate asks. One that is denied gets no sidecar, so that /validate names places
 * as its author wrote them. Only a pod that cannot have the sidecar it must have is refused here.
 */
export async function mutate(request: ReviewRequest, deps: GateDeps, signal: AbortSignal): Promise<Mutation> {
  const verdict = await gate(request, deps, false, signal);
  const pins = pinImages(verdict);
  const left = !isAdmitted(verdict);
  if (outcomeOf(verdict) === "deny") return { verdict, operations: pins, warnings: [], left };
  const { operations, warnings, refused } = injectSidecar(verdict, deps.sidecarImage);
  if (refused === undefined) return { verdict, operations: [...pins, ...operations], warnings, left };
  return {
    verdict: { ...verdict, parts: [...verdict.parts, plainPart(refused)] },
    operations: [],
    warnings,
    left: false,
  };
}
