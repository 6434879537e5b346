import { type Labels, selects } from "../network/labels.ts";
import { matchesImage } from "./image-glob.ts";
import type { ImagePolicy } from "./schema/image-policy-schema.ts";

export type PolicyMode = ImagePolicy["spec"]["mode"];

/** The namespace that an object is in, or asks for. */
export interface NamespaceFacts {
  /** Empty for an object that lives in none. */
  readonly name: string;
  /** `undefined` when they are not known: then every selector of `spec.match` matches, as too much is judged then. */
  readonly labels: Labels | undefined;
}

type NamespaceRule = Pick<ImagePolicy["spec"]["match"], "namespaces" | "namespaceSelector">;

/** Whether a policy speaks of a namespace at all: it is named, or its labels are, or the policy restricts neither. */
export function coversNamespace({ spec }: ImagePolicy, namespace: NamespaceFacts): boolean {
  return matchesNamespace(spec.match, namespace);
}

function matchesNamespace({ namespaces, namespaceSelector }: NamespaceRule, { name, labels }: NamespaceFacts): boolean {
  const isNamed = namespaces?.includes(name) ?? true;
  return (
    isNamed &&
    (namespaceSelector === undefined || labels === undefined || selects(selectorOf(namespaceSelector), labels))
  );
}

/** Whether what a policy says of a namespace depends on the namespace's labels. */
export function readsNamespaceLabels({ spec }: ImagePolicy): boolean {
  return [spec.match, ...spec.modes].some(({ namespaceSelector }) => namespaceSelector !== undefined);
}

/** Whether a policy speaks of a pod with these labels. */
export function coversPod({ spec }: ImagePolicy, labels: Labels): boolean {
  return spec.match.labels === undefined || selects(selectorOf(spec.match.labels), labels);
}

/** @param name  normalised host/repository */
export function coversImage({ spec }: ImagePolicy, name: string): boolean {
  return spec.match.images.some((glob) => matchesImage(glob, name));
}

/** The policy as it is in one namespace: with the mode of the first of `spec.modes` that matches. */
export function policyIn(policy: ImagePolicy, namespace: NamespaceFacts): ImagePolicy {
  const isKnown = ({ namespaceSelector }: NamespaceRule) =>
    namespaceSelector === undefined || namespace.labels !== undefined;
  const mode = policy.spec.modes.find((one) => isKnown(one) && matchesNamespace(one, namespace))?.mode;
  return mode === undefined || mode === policy.spec.mode ? policy : { ...policy, spec: { ...policy.spec, mode } };
}

type Selector = NonNullable<NamespaceRule["namespaceSelector"]>;

/** Optional fields as the selector's reader has them: absent rather than undefined. */
function selectorOf({ matchLabels = {}, matchExpressions = [] }: Selector) {
  return {
    matchLabels,
    matchExpressions: matchExpressions.map(({ key, operator, values = [] }) => ({ key, operator, values })),
  };
}
