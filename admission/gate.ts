import type { Clock } from "../core/base/clock.ts";
import type { ImagePolicy } from "../core/policy/images/image-policy-schema.ts";
import { extract } from "./containers.ts";
import { type EvidenceSources, gather } from "./evidence.ts";
import { holdSidecar } from "./hold-sidecar.ts";
import { judge, type Verdict } from "./judge.ts";
import type { ReviewRequest } from "./review.ts";
import { rulesFor } from "./rules.ts";

/** What the gate decides by. Everything in it may change between two reviews. */
export interface GateDeps {
  readonly policies: () => readonly ImagePolicy[];
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>>;
  readonly sources: EvidenceSources;
  readonly clock: Clock;
  /** The injected sidecar's reference, where the gate's own configuration vouches for it. */
  readonly trustedImage?: string;
  /** The sidecar that /mutate injects, pinned by digest; absent when the gate injects nothing. */
  readonly sidecarImage?: string;
}

/**
 * The path of every object that asks to run, top to bottom.
 *
 *   extract   every image and pod spec of the object, and which of them are new
 *   rules     the policies, levels and Rego rules that have a say here
 *   gather    evidence about each new image, and what Rego finds; the only step that waits
 *   judge     evidence + rules + time; pure
 *   hold      the final Pod to the sidecar it was given
 *
 * Any step may throw; `refuse` is the one place that turns an error into a refusal. There is no other way out.
 *
 * @param pinned  whether a Pod's images must already name their digest
 * @param signal  the API server's time-out, less what the answer takes
 */
export async function gate(
  request: ReviewRequest,
  deps: GateDeps,
  pinned: boolean,
  signal: AbortSignal,
): Promise<Verdict> {
  const subject = extract(request);
  const rules = rulesFor(subject, deps.policies(), deps.namespaceLabels(subject.namespace), deps.trustedImage);
  const evidence = await gather(subject, rules, deps.sources, signal);
  const verdict = judge(subject, rules, evidence, { nowMs: deps.clock(), pinned });
  return pinned ? holdSidecar(verdict, request, deps.sidecarImage) : verdict;
}
