import type { ClusterObjects, Deployment, NetworkPolicy, Pod } from "../../core/cluster/objects.ts";
import type { OutriderEvent } from "../../core/events/event.ts";
import { canonicalJson } from "./version.ts";

/** What differs between two models, as events a person on call wants beside a graph: policies and rollouts. */
export function changesBetween(before: ClusterObjects, after: ClusterObjects, atMs: number): OutriderEvent[] {
  return [
    ...policyChanges(before.networkPolicies, after.networkPolicies, atMs),
    ...deploys(before.deployments, after.deployments, (d) => d.spec?.template, "Deployment", atMs),
    ...deploys(before.pods.filter(isBare), after.pods.filter(isBare), (pod) => pod.spec, "Pod", atMs),
  ];
}

/** Pods of a Deployment change with it; only pods that stand alone speak for themselves. */
function isBare(pod: Pod): boolean {
  return (pod.metadata.ownerReferences ?? []).length === 0;
}

function policyChanges(
  before: readonly NetworkPolicy[],
  after: readonly NetworkPolicy[],
  atMs: number,
): OutriderEvent[] {
  return compare(before, after, (policy) => policy.spec).map(([outcome, policy]) => ({
    kind: "policy-change",
    atMs,
    from: "mesh",
    subject: `NetworkPolicy ${policy.metadata.namespace}/${policy.metadata.name}`,
    outcome,
    message: `NetworkPolicy ${policy.metadata.namespace}/${policy.metadata.name} ${outcome}`,
    namespace: policy.metadata.namespace,
    severity: "info",
    attributes: { source: policy.source },
  }));
}

type Rollout = Deployment | Pod;

function deploys<T extends Rollout>(
  before: readonly T[],
  after: readonly T[],
  templateOf: (object: T) => unknown,
  kind: string,
  atMs: number,
): OutriderEvent[] {
  return compare(before, after, templateOf).map(([outcome, object]) => {
    const subject = `${kind} ${object.metadata.namespace}/${object.metadata.name}`;
    const images = imagesOf(object).join(", ");
    return {
      kind: "deploy",
      atMs,
      from: "mesh",
      subject,
      outcome,
      message: images === "" ? `${subject} ${outcome}` : `${subject} ${outcome}: ${images}`,
      namespace: object.metadata.namespace,
      service: appOf(object),
      severity: "info",
      attributes: { images, source: object.source },
    };
  });
}

function imagesOf(object: Rollout): string[] {
  const spec = object.spec !== undefined && "template" in object.spec ? object.spec.template.spec : object.spec;
  const containers = spec !== undefined && "containers" in spec ? spec.containers : [];
  return containers.flatMap(({ image }) => image ?? []);
}

function appOf({ metadata }: Rollout): string {
  return metadata.labels?.["app.kubernetes.io/name"] ?? metadata.labels?.["app"] ?? metadata.name;
}

type Change = "added" | "changed" | "removed";

function compare<T extends { metadata: { namespace: string; name: string } }>(
  before: readonly T[],
  after: readonly T[],
  partOf: (object: T) => unknown,
): [Change, T][] {
  const keyOf = ({ metadata }: T) => `${metadata.namespace}/${metadata.name}`;
  const old = new Map(before.map((object) => [keyOf(object), object]));
  const kept = new Set(after.map(keyOf));
  const fresh = after.flatMap((object): [Change, T][] => {
    const earlier = old.get(keyOf(object));
    if (earlier === undefined) return [["added", object]];
    return canonicalJson(partOf(earlier)) === canonicalJson(partOf(object)) ? [] : [["changed", object]];
  });
  const gone = before.filter((object) => !kept.has(keyOf(object)));
  return [...fresh, ...gone.map((object): [Change, T] => ["removed", object])];
}
