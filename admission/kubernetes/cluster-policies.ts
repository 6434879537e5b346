import { isDeepStrictEqual } from "node:util";
import { CodedError } from "../../core/base/errors.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { watchObjects } from "../../core/cluster/api-server/watch-objects.ts";
import type { CompiledObject } from "../../core/policy/images/schema/compile-policies.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import { compileObjects, type PolicyChange } from "../sources/policies.ts";
import { CRD_VERSION_NAME, PATHS } from "./paths.ts";

/** Most ImagePolicies, and most TrustRoots, of a cluster. */
export const CLUSTER_POLICIES_LIMIT = 1000;
/** A kubectl apply of several objects is one change, when they come within this time. */
export const POLICIES_SETTLE_MS = 100;

export interface ClusterPolicies extends Closable {
  /** The last set that compiled as a whole. */
  current(): readonly ImagePolicy[];
  /** What became of each object when it was last compiled. */
  compiled(): readonly CompiledObject[];
  /** Why the gate may not decide yet; empty once a set has compiled. */
  notReady(): readonly string[];
  /** Whether they can be watched now. */
  isUp(): boolean;
}

export interface ClusterPoliciesOptions {
  readonly onChange: (change: PolicyChange) => void;
  /** After each compilation, also of a set with problems. */
  readonly onCompiled: () => void;
  readonly onError: (error: Error) => void;
}

/**
 * ImagePolicies and TrustRoots of the API server. A set with a problem in it leaves the last good one in force: without
 * its broken member it might allow more. Then the objects' own status says what is wrong, and the gate stays ready, since
 * one bad policy must not stop every Pod of the cluster.
 */
export function watchClusterPolicies(api: ApiServer, options: ClusterPoliciesOptions): ClusterPolicies {
  const { onChange, onCompiled, onError } = options;
  let policies: readonly ImagePolicy[] | undefined;
  let compiled: readonly CompiledObject[] = [];
  let settling: NodeJS.Timeout | undefined;
  const watch = (path: string, kind: string) =>
    watchObjects(api, {
      path,
      limit: CLUSTER_POLICIES_LIMIT,
      take: (object) => withoutBookkeeping(object, kind),
      onChange: () => soon(),
      onError,
    });
  const watches = { policies: watch(PATHS.imagePolicies, "ImagePolicy"), roots: watch(PATHS.trustRoots, "TrustRoot") };
  const compile = () => {
    if (!watches.policies.isSynced() || !watches.roots.isSynced()) return;
    const objects = [...watches.policies.current().values(), ...watches.roots.current().values()];
    const next = compileObjects(objects.map((value) => ({ source: `${value.kind} ${value.metadata.name}`, value })));
    compiled = next.objects;
    const before = policies ?? [];
    policies = next.policies ?? policies;
    if (policies !== undefined && !isDeepStrictEqual(before, policies)) onChange({ policies, before });
    onCompiled();
  };
  const soon = () => {
    clearTimeout(settling);
    settling = setTimeout(compile, POLICIES_SETTLE_MS);
  };
  return {
    current: () => policies ?? [],
    compiled: () => compiled,
    notReady: () => (policies === undefined ? [whyNot(compiled, Object.values(watches))] : []),
    isUp: () => Object.values(watches).every((one) => one.lastError() === undefined),
    close: () => {
      clearTimeout(settling);
      for (const one of Object.values(watches)) one.close();
    },
  };
}

/** What the API server adds is no part of a policy, and changes when nothing of it does. */
function withoutBookkeeping(object: ApiObject, kind: string) {
  const { name, uid, generation, labels, annotations } = object.metadata;
  const kept = { name, uid, generation, labels, annotations };
  const metadata = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
  return { ...object, apiVersion: CRD_VERSION_NAME, kind, metadata: metadata as ApiObject["metadata"] };
}

function whyNot(compiled: readonly CompiledObject[], watches: readonly { lastError(): Error | undefined }[]): string {
  const failed = watches.map((watch) => watch.lastError()).find((error) => error !== undefined);
  if (failed !== undefined)
    return `policies: ${failed instanceof CodedError ? `${failed.code}: ` : ""}${failed.message}`;
  const broken = compiled.find(({ problems }) => problems.length > 0);
  if (broken === undefined) return "policies: not read yet";
  const [first] = broken.problems;
  return `policies: ${broken.object.source}: ${first?.path}: ${first?.message}`;
}
