import { formatRepository, type ImageReference, parseReference } from "../core/images/reference.ts";
import { matchesImage } from "../core/policy/images/image-glob.ts";
import { coversNamespace } from "../core/policy/images/image-policy.ts";
import type { ImagePolicy } from "../core/policy/images/image-policy-schema.ts";
import { podSecurityVersion } from "../core/policy/pods/pod-security-labels.ts";
import type { ImageAt } from "../core/policy/pods/pod-spec.ts";
import type { Subject } from "./containers.ts";
import { type LevelRule, levelsOfNamespace, tellingLevels } from "./levels.ts";

export type PolicyMode = ImagePolicy["spec"]["mode"];

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

export interface RegoRule {
  readonly library: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly rule: string;
  readonly mode: PolicyMode;
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
  readonly images: readonly ImageRule[];
  readonly levels: readonly LevelRule[];
  readonly rego: readonly RegoRule[];
  /** Absent where no policy wants the sidecar. */
  readonly inject?: InjectRule;
}

/**
 * Which rules apply to a subject.
 *
 * @param labels  of the subject's namespace
 * @param trustedImage  the injected sidecar's exact reference, when the gate's configuration alone vouches for it
 */
export function rulesFor(
  subject: Subject,
  policies: readonly ImagePolicy[],
  labels: Readonly<Record<string, string>>,
  trustedImage?: string,
): Rules {
  const here = policies.filter((policy) => coversNamespace(policy, subject.namespace));
  return {
    images: subject.newImages.map((image) => imageRule(image, here, trustedImage)),
    levels: tellingLevels([...levelsOfNamespace(labels, subject.namespace), ...here.flatMap(levelOfPolicy)]),
    rego: here.flatMap(({ metadata, spec }) =>
      (spec.pods?.rego ?? []).map((rego) => ({ ...rego, rule: `ImagePolicy ${metadata.name}`, mode: spec.mode })),
    ),
    ...injectRule(here),
  };
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

function imageRule(image: ImageAt, policies: readonly ImagePolicy[], trustedImage: string | undefined): ImageRule {
  try {
    const reference = parseReference(image.reference);
    const name = formatRepository(reference);
    const covering = policies.filter(({ spec }) => spec.match.images.some((glob) => matchesImage(glob, name)));
    return { image, reference, policies: covering, trusted: image.reference === trustedImage };
  } catch (invalid) {
    return { image, invalid, policies: [], trusted: false };
  }
}

function levelOfPolicy({ metadata, spec }: ImagePolicy): LevelRule[] {
  const { podSecurity: level, podSecurityVersion: version } = spec.pods ?? {};
  if (level === undefined) return [];
  return [{ level, version: podSecurityVersion(version), rule: `ImagePolicy ${metadata.name}`, mode: spec.mode }];
}
