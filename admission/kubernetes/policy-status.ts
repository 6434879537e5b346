import type { Log } from "../../core/base/log.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import type { CompiledObject } from "../../core/policy/images/compile-policies.ts";
import { PATHS } from "./paths.ts";

/** @see Kubernetes API conventions, "Typical status properties" */
interface Condition {
  readonly type: "Compiled";
  readonly status: "True" | "False";
  readonly reason: "Compiled" | "Invalid" | "OtherInvalid";
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

/** Longest message of a condition. @see Kubernetes API reference, metav1.Condition */
export const CONDITION_MESSAGE_LIMIT = 32_768;

interface PolicyLike extends ApiObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/**
 * Writes into each object whether it compiled, or why not: every problem with its path, as a file's author would be told.
 * What has not changed is not written. An object that cannot be written is tried again with the next round.
 */
export async function writePolicyStatus(
  api: ApiServer,
  compiled: readonly CompiledObject[],
  nowMs: number,
  log: Log,
): Promise<void> {
  const sound = compiled.every(({ problems }) => problems.length === 0);
  for (const one of compiled) {
    const object = one.object.value as PolicyLike;
    const condition = conditionOf(one, object, sound, nowMs);
    if (isSame(object.status?.conditions, condition)) continue;
    const path = object.kind === "TrustRoot" ? PATHS.trustRoots : PATHS.imagePolicies;
    const body = { status: { conditions: [condition] } };
    await api
      .ask({
        method: "PATCH",
        path: `${path}/${object.metadata.name}/status`,
        body,
        contentType: "application/merge-patch+json",
      })
      .catch((err: unknown) => log.warn({ err, object: one.object.source }, "status not written"));
  }
}

function conditionOf({ problems }: CompiledObject, object: PolicyLike, sound: boolean, nowMs: number): Condition {
  const message = problems.map((problem) => `${problem.path}: ${problem.message}`).join("\n");
  const verdict = verdictOf(problems.length === 0, sound, message);
  const before = object.status?.conditions?.find(({ type }) => type === "Compiled");
  const since = before?.status === verdict.status ? before.lastTransitionTime : new Date(nowMs).toISOString();
  const { generation } = object.metadata;
  return {
    type: "Compiled",
    ...verdict,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: since.replace(/\.\d+Z$/, "Z"),
  };
}

function verdictOf(own: boolean, all: boolean, message: string): Pick<Condition, "status" | "reason" | "message"> {
  if (!own) return { status: "False", reason: "Invalid", message: message.slice(0, CONDITION_MESSAGE_LIMIT) };
  if (all) return { status: "True", reason: "Compiled", message: "in force" };
  const why = "sound, but another policy or trust root is not: the last good set stays in force";
  return { status: "False", reason: "OtherInvalid", message: why };
}

function isSame(before: readonly Condition[] | undefined, condition: Condition): boolean {
  const found = before?.find(({ type }) => type === condition.type);
  return (["status", "reason", "message", "observedGeneration"] as const).every(
    (key) => found?.[key] === condition[key],
  );
}
