import type { Clock } from "../core/base/clock.ts";
import type { Digest } from "../core/policy/evidence.ts";
import type { ImagePolicy } from "../core/policy/images/schema/image-policy-schema.ts";
import type { Labels } from "../core/policy/network/labels.ts";
import { extract } from "./containers.ts";
import { type EvidenceSources, gather } from "./evidence.ts";
import { evaluate, type Question, type Verdict } from "./judge.ts";
import type { ReviewRequest } from "./review.ts";
import { rulesFor, type World } from "./rules.ts";
import { holdSidecar } from "./sidecar/hold-sidecar.ts";

/** What the gate decides by. Everything in it may change between two reviews. */
export interface GateDeps {
  readonly policies: () => readonly ImagePolicy[];
  /** Labels of a namespace; `undefined` when they are not known, which is not the same as none. */
  readonly namespaceLabels: (namespace: string) => Labels | undefined;
  /** Digests that run in a namespace now; absent where nobody knows. */
  readonly running?: (namespace: string) => ReadonlySet<Digest>;
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
 *   ask       every image and pod spec of the object, which of them are new, and the rules that have a say here; pure
 *   gather    evidence about each new image, and what Rego finds; the only step that waits
 *   evaluate  question + evidence + time; pure, and the one engine behind every door
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
  const question = ask(request, worldOf(request, deps));
  const evidence = await gather(question, deps.sources, signal);
  const running = deps.running?.(request.namespace);
  const options = { nowMs: deps.clock(), pinned, ...(running === undefined ? {} : { running }) };
  const verdict = evaluate(question, evidence, options);
  return pinned ? holdSidecar(verdict, request, deps.sidecarImage) : verdict;
}

/** What a review asks of an object, its stored self and the policies. Pure. */
export function ask(request: ReviewRequest, world: World): Question {
  const subject = extract(request);
  return { subject, rules: rulesFor(subject, world) };
}

function worldOf({ namespace }: ReviewRequest, { policies, namespaceLabels, trustedImage }: GateDeps): World {
  const trusted = trustedImage === undefined ? {} : { trustedImage };
  return { policies: policies(), namespaceLabels: namespaceLabels(namespace), ...trusted };
}
