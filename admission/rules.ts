import { CodedError } from "../core/base/errors.ts";
import { formatRepository, type ImageReference, parseReference } from "../core/images/reference.ts";
import {
  coversImage,
  coversNamespace,
  coversPod,
  type NamespaceFacts,
  type PolicyMode,
  policyIn,
  readsNamespaceLabels,
} from "../core/policy/images/match.ts";
import type { ImagePolicy } from "../core/policy/images/schema/image-policy-schema.ts";
import type { Labels } from "../core/policy/network/labels.ts";
import { podSecurityVersion } from "../core/policy/pods/pod-security-labels.ts";
import { type ImageAt, imagesOf, isObject, type PodSpecAt } from "../core/policy/pods/pod-spec.ts";
import type { Subject } from "./containers.ts";
import { ADMISSION_ERRORS } from "./errors.ts";
import { type LevelRule, levelsOfNamespace, tellingLevels } from "./levels.ts";

export type { PolicyMode } from "../core/policy/images/match.ts";

/** One image with every policy that covers it. None means nobody vouches: it is refused. */
export interface ImageRule {
  readonly image: ImageAt;
  /** Absent when the text is no reference; then `invalid` says why. */
  readonly reference?: ImageReference;
  readonly invalid?: unknown;
  readonly policies: readonly ImagePolicy[];
  /** The gate's own configuration vouches for this exact digest. */
  readonly trusted: boolean;
}

export interface LevelAt {
  readonly pod: PodSpecAt;
  readonly rule: LevelRule;
}

export interface RegoRule {
  readonly library: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly rule: string;
  readonly mode: PolicyMode;
  /** The object's pods that the policy speaks of. */
  readonly pods: readonly PodSpecAt[];
}

/** A policy that wants the sidecar in every pod here. */
export interface InjectRule {
  /** "ImagePolicy production" */
  readonly rule: string;
  readonly mode: PolicyMode;
  /** Whether a pod may do without. */
  readonly optOut: "allowed" | "refused";
}

/** Everything that has a say about one subject. */
export interface Rules {
  /** Of every image that must be judged. */
  readonly images: readonly ImageRule[];
  /** Pointers of images that the stored object has already, under the same policies. */
  readonly stored: ReadonlySet<string>;
  readonly levels: readonly LevelAt[];
  readonly rego: readonly RegoRule[];
  /** Absent where no policy wants the sidecar. */
  readonly inject?: InjectRule;
  /** Why it is not known which rules apply. */
  readonly unknown?: Error;
}

/** What decides which rules apply, besides the object. */
export interface World {
  readonly policies: readonly ImagePolicy[];
  /** Of the object's namespace; `undefined` when they are not known, which is not the same as none. */
  readonly namespaceLabels: Labels | undefined;
  /** The injected sidecar's exact reference, when the gate's configuration alone vouches for it. */
  readonly trustedImage?: string;
}

export const NO_RULES: Rules = { images: [], stored: new Set(), levels: [], rego: [] };

/** Which rules apply to a subject. */
export function rulesFor(subject: Subject, { policies, namespaceLabels, trustedImage }: World): Rules {
  const labels = subject.namespace === "" ? {} : namespaceLabels;
  const namespace: NamespaceFacts = { name: subject.namespace, labels };
  const here = policies.filter((one) => coversNamespace(one, namespace)).map((one) => policyIn(one, namespace));
  const rules = subject.pods.map((pod) => imagesOf(pod).map((image) => imageRule(image, pod, here, trustedImage)));
  const storedRules = subject.pods.map(({ pointer }, n) =>
    storedOf(rules[n] ?? [], subject.oldPods.get(pointer), here),
  );
  const stored = new Set(storedRules.flat().map(({ image }) => image.pointer));
  return {
    images: rules.flat().filter(({ image }) => !stored.has(image.pointer)),
    stored,
    levels: subject.changedPods.flatMap((pod) => levelsAt(pod, subject, here, namespace)),
    rego: here.flatMap((policy) => regoRules(policy, subject.pods)),
    ...injectRule(here.filter((policy) => coveredPods(policy, subject.pods).length > 0)),
    ...(labels === undefined ? unknownRules(subject, policies) : {}),
  };
}

function imageRule(
  image: ImageAt,
  pod: PodSpecAt,
  policies: readonly ImagePolicy[],
  trustedImage: string | undefined,
): ImageRule {
  try {
    const reference = parseReference(image.reference);
    const covering = coveringPolicies(reference, pod, policies);
    return { image, reference, policies: covering, trusted: image.reference === trustedImage };
  } catch (invalid) {
    return { image, invalid, policies: [], trusted: false };
  }
}

function coveringPolicies(reference: ImageReference, pod: PodSpecAt, policies: readonly ImagePolicy[]): ImagePolicy[] {
  const name = formatRepository(reference);
  return policies.filter((policy) => coversImage(policy, name) && speaksOf(policy, pod));
}

/**
 * The images of a pod that the one stored in its place has, too, and of which the same policies speak: one named by
 * digest in whichever list, one by a tag alone in the same container, as the tag may mean something else by now. A pod
 * whose labels now bring it under another policy is judged by that.
 */
function storedOf(
  rules: readonly ImageRule[],
  old: PodSpecAt | undefined,
  here: readonly ImagePolicy[],
): readonly ImageRule[] {
  if (old === undefined) return [];
  const had = new Set(imagesOf(old).flatMap((image) => [image.reference, inPlace(image)]));
  return rules.filter(({ image, reference, policies }) => {
    if (!had.has(reference?.digest === undefined ? inPlace(image) : image.reference)) return false;
    const then = reference === undefined ? [] : coveringPolicies(reference, old, here);
    return then.length === policies.length && then.every((policy) => policies.includes(policy));
  });
}

const inPlace = ({ pointer, reference }: ImageAt) => `${pointer} ${reference}`;

/** Those of the namespace and the policies that have not judged the stored pod for what their level looks at. */
function levelsAt(
  pod: PodSpecAt,
  { newPods, oldPods }: Subject,
  policies: readonly ImagePolicy[],
  { name, labels = {} }: NamespaceFacts,
): LevelAt[] {
  const old = newPods.includes(pod) ? undefined : oldPods.get(pod.pointer);
  const due = policies.filter((policy) => speaksOf(policy, pod) && (old === undefined || !speaksOf(policy, old)));
  const ofNamespace = old === undefined ? levelsOfNamespace(labels, name) : [];
  return tellingLevels([...ofNamespace, ...due.flatMap(levelOfPolicy)]).map((rule) => ({ pod, rule }));
}

function levelOfPolicy({ metadata, spec }: ImagePolicy): LevelRule[] {
  const { podSecurity: level, podSecurityVersion: version } = spec.pods ?? {};
  if (level === undefined) return [];
  return [{ level, version: podSecurityVersion(version), rule: `ImagePolicy ${metadata.name}`, mode: spec.mode }];
}

function regoRules(policy: ImagePolicy, pods: readonly PodSpecAt[]): RegoRule[] {
  const { metadata, spec } = policy;
  const covered = coveredPods(policy, pods);
  if (covered.length === 0) return [];
  const common = { rule: `ImagePolicy ${metadata.name}`, mode: spec.mode, pods: covered };
  return (spec.pods?.rego ?? []).map((rego) => ({ ...rego, ...common }));
}

/** The strictest of those that want the sidecar: one that enforces, and of those one that lets no pod opt out. */
function injectRule(policies: readonly ImagePolicy[]): Pick<Rules, "inject"> {
  const wanting = policies.flatMap(({ metadata, spec }): InjectRule[] =>
    spec.pods?.inject === true
      ? [{ rule: `ImagePolicy ${metadata.name}`, mode: spec.mode, optOut: spec.pods.optOut }]
      : [],
  );
  const enforced = wanting.filter(({ mode }) => mode === "enforce");
  const inject = enforced.find(({ optOut }) => optOut === "refused") ?? enforced[0] ?? wanting[0];
  return inject === undefined ? {} : { inject };
}

/** A namespace whose labels are not known may have any: neither its level nor the policies that select it are known. */
function unknownRules({ namespace, newPods }: Subject, policies: readonly ImagePolicy[]): Pick<Rules, "unknown"> {
  if (newPods.length === 0 && !policies.some(readsNamespaceLabels)) return {};
  const message = `namespace ${namespace}: found nothing about its labels, expected them, as rules are chosen by them`;
  return { unknown: new CodedError("NAMESPACE_UNKNOWN", message, ADMISSION_ERRORS.NAMESPACE_UNKNOWN.fix) };
}

function coveredPods(policy: ImagePolicy, pods: readonly PodSpecAt[]): PodSpecAt[] {
  return pods.filter((pod) => speaksOf(policy, pod));
}

/** Runs for every image and policy: labels are only read where a policy asks for some. */
function speaksOf(policy: ImagePolicy, pod: PodSpecAt): boolean {
  return policy.spec.match.labels === undefined || coversPod(policy, labelsOf(pod));
}

/** A pod's own labels, never those of the object around it: they are what the Pod will carry. */
function labelsOf({ metadata }: PodSpecAt): Labels {
  const { labels } = metadata;
  if (!isObject(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])),
  );
}
