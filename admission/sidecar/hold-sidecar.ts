import { decide } from "../../core/policy/decision.ts";
import type { PodSpecAt } from "../../core/policy/pods/pod-spec.ts";
import { podSpecsOf } from "../../core/policy/pods/pod-spec-find.ts";
import { plainPart } from "../answer/plain-text.ts";
import { isAdmitted, isPod, type Part, type Verdict } from "../judge.ts";
import type { ReviewRequest } from "../review.ts";
import type { InjectRule } from "../rules.ts";
import type { Found } from "./author-limits.ts";
import { judgeSidecar } from "./judge-sidecar.ts";

const ABOUT = "the sidecar";

/**
 * Holds the final Pod to the sidecar it was given, where a policy wants one: the patch of /mutate may not have
 * survived until /validate. A pod that is refused for something else was given none, so it is not asked for one.
 *
 * @param image  what /mutate injects; absent when it injects nothing
 */
export function holdSidecar(verdict: Verdict, request: ReviewRequest, image: string | undefined): Verdict {
  const { subject, rules } = verdict;
  const [pod] = subject.newPods;
  const { inject } = rules;
  if (pod === undefined || inject === undefined || !isPod(subject) || !isAdmitted(verdict)) return verdict;
  const demand = { optOut: inject.optOut, ...(image === undefined ? {} : { image }), ...storedPod(request) };
  const { refused, advised } = judgeSidecar(pod, demand);
  const parts = [...partOf(refused, pod, inject.mode, inject), ...partOf(advised, pod, "warn", inject)];
  return { ...verdict, parts: [...verdict.parts, ...parts.map(plainPart)] };
}

function storedPod({ operation, oldObject, group, kind }: ReviewRequest): { readonly old?: PodSpecAt } {
  const [old] = operation === "UPDATE" && oldObject !== undefined ? podSpecsOf(oldObject, group, kind) : [];
  return old === undefined ? {} : { old };
}

function partOf(found: readonly Found[], { path }: PodSpecAt, mode: Part["mode"], { rule }: InjectRule): Part[] {
  if (found.length === 0) return [];
  const violations = found.map((one) => ({ ...one, rule }));
  return [{ path, about: ABOUT, rule, mode, decision: decide(violations, mode === "enforce" ? "enforce" : "warn") }];
}
