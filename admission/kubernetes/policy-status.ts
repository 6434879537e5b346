import type { Log } from "../../core/base/log.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import type { CompiledObject } from "../../core/policy/images/compile-policies.ts";
import { PATHS } from "./paths.ts";

/**
 * `Compiled`: whether the object was understood. `Ready`: whether the gate decides by it as it is now.
 *
 * @see Kubernetes API conventions, "Typical status properties"
 */
interface Condition {
  readonly type: "Compiled" | "Ready";
  readonly status: "True" | "False";
  readonly reason: "Compiled" | "InForce" | "Invalid" | "OtherInvalid";
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
    const conditions = conditionsOf(one, object, sound, nowMs);
    if (conditions.every((condition) => isWritten(condition, object))) continue;
    const path = object.kind === "TrustRoot" ? PATHS.trustRoots : PATHS.imagePolicies;
    const body = { status: { conditions } };
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

function conditionsOf({ problems }: CompiledObject, object: PolicyLike, sound: boolean, nowMs: number): Condition[] {
  const message = problems.map((problem) => `${problem.path}: ${problem.message}`).join("\n");
  const { generation } = object.metadata;
  return verdictsOf(problems.length === 0, sound, message.slice(0, CONDITION_MESSAGE_LIMIT)).map((verdict) => ({
    ...verdict,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: sinceOf(verdict, object) ?? new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z"),
  }));
}

type Told = Pick<Condition, "type" | "status" | "reason" | "message">;

function verdictsOf(own: boolean, all: boolean, message: string): readonly Told[] {
  if (!own) {
    const old = `${message}\nwhat was in force before stays so`;
    return [told("Compiled", "Invalid", message), told("Ready", "Invalid", old.slice(-CONDITION_MESSAGE_LIMIT))];
  }
  const compiled = told("Compiled", "Compiled", "every part of it was understood");
  if (all) return [compiled, told("Ready", "InForce", "the gate decides by it")];
  return [
    compiled,
    told("Ready", "OtherInvalid", "another policy or trust root is not sound: the last sound set decides"),
  ];
}

function told(type: Told["type"], reason: Told["reason"], message: string): Told {
  return { type, status: reason === "Compiled" || reason === "InForce" ? "True" : "False", reason, message };
}

/** When the status last changed, where it has not now. */
function sinceOf({ type, status }: Told, { status: written }: PolicyLike): string | undefined {
  return written?.conditions?.find((condition) => condition.type === type && condition.status === status)
    ?.lastTransitionTime;
}

function isWritten(condition: Condition, { status }: PolicyLike): boolean {
  const found = status?.conditions?.find(({ type }) => type === condition.type);
  return (["status", "reason", "message", "observedGeneration"] as const).every(
    (key) => found?.[key] === condition[key],
  );
}
