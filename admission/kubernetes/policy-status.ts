import type { Log } from "../../core/base/log.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import type { CompiledObject } from "../../core/policy/images/schema/compile-policies.ts";
import { type Condition, policyConditions } from "../../core/policy/images/schema/policy-status.ts";
import { PATHS } from "./paths.ts";

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
  for (const one of compiled) {
    const object = one.object.value as PolicyLike;
    const before = { generation: object.metadata.generation ?? 0, previous: object.status?.conditions ?? [] };
    const conditions = policyConditions(one, compiled, before, nowMs);
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

function isWritten(condition: Condition, { status }: PolicyLike): boolean {
  const found = status?.conditions?.find(({ type }) => type === condition.type);
  return (["status", "reason", "message", "observedGeneration"] as const).every(
    (key) => found?.[key] === condition[key],
  );
}
