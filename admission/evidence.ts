import { asError } from "../core/base/errors.ts";
import type { ImageReference } from "../core/images/reference.ts";
import type { Keyring } from "../core/images/registry/credentials/keyring.ts";
import type { Digest, ImageEvidence } from "../core/policy/evidence.ts";
import type { Authority, ImagePolicy } from "../core/policy/images/schema/image-policy-schema.ts";
import { imagesOf } from "../core/policy/pods/pod-spec.ts";
import type { Subject } from "./containers.ts";
import type { Question } from "./judge.ts";
import type { RegoFinding, RegoRunner } from "./rego/rego.ts";
import { regoInput } from "./rego/rego-input.ts";
import type { ImageRule, RegoRule } from "./rules.ts";

/** Images of one object looked up at the same time. */
export const EVIDENCE_CONCURRENCY = 16;

/** Credentials for registries that one object brings, beside those of the configuration. */
export interface ImageAccess {
  readonly keyring: Keyring;
  /** Whose they are: what was found with them is found again only with the same. */
  readonly scope: string;
}

/** Where evidence about images comes from; core/images in the service, anything in a test. */
export interface EvidenceSource {
  /** Never throws; what could not be found out by `signal`'s time is `failed`. */
  collect(image: ImageReference, authorities: readonly Authority[], signal: AbortSignal): Promise<ImageEvidence>;
  /** The same source, with these credentials first. */
  withAccess?(access: ImageAccess): EvidenceSource;
  /** Has a digest scanned in the background. @returns what is being done about it, in words */
  wantScan?(image: ImageReference, digest: Digest): string;
}

/** Everything learnt about a subject before it is judged. */
export interface Evidence {
  /** By the image's pointer. */
  readonly images: ReadonlyMap<string, readonly PolicyEvidence[]>;
  readonly rego: readonly RegoOutcome[];
}

/** Evidence verified against one policy's authorities: it is no other policy's. */
export interface PolicyEvidence {
  readonly policy: ImagePolicy;
  readonly evidence: ImageEvidence;
}

export interface RegoOutcome {
  readonly rule: RegoRule;
  readonly result:
    | { readonly kind: "found"; readonly findings: readonly RegoFinding[] }
    | { readonly kind: "failed"; readonly cause: Error };
}

export interface EvidenceSources {
  readonly images: EvidenceSource;
  readonly rego: RegoRunner;
}

/** Asks every source that a rule wants asked, all at once, within `signal`'s time. */
export async function gather(
  { subject, rules }: Question,
  sources: EvidenceSources,
  signal: AbortSignal,
): Promise<Evidence> {
  const due = subject.unjudged === undefined;
  const [images, rego] = await Promise.all([
    gatherImages(due ? rules.images : [], sources.images, signal),
    Promise.all(due ? rules.rego.map((rule) => runRego(subject, rule, sources.rego, signal)) : []),
  ]);
  return { images, rego };
}

async function gatherImages(
  rules: readonly ImageRule[],
  source: EvidenceSource,
  signal: AbortSignal,
): Promise<Evidence["images"]> {
  const results = new Map<string, readonly PolicyEvidence[]>();
  const waiting = rules.values();
  const worker = async () => {
    for (const rule of waiting) results.set(rule.image.pointer, await evidenceFor(rule, source, signal));
  };
  await Promise.all(Array.from({ length: Math.min(EVIDENCE_CONCURRENCY, rules.length) }, worker));
  return results;
}

/** A tag is resolved once, for the first policy, and every other policy judges that digest: a tag may move meanwhile. */
async function evidenceFor(rule: ImageRule, source: EvidenceSource, signal: AbortSignal): Promise<PolicyEvidence[]> {
  const { reference, policies, trusted } = rule;
  const [first, ...others] = policies;
  if (reference === undefined || trusted || first === undefined) return [];
  const look = async (policy: ImagePolicy, image: ImageReference): Promise<PolicyEvidence> => {
    const evidence = await source.collect(image, policy.spec.authorities, signal);
    return { policy, evidence: withScanWanted(evidence, policy, (digest) => source.wantScan?.(image, digest)) };
  };
  const one = await look(first, reference);
  const { digest } = one.evidence;
  const held = digest.kind === "found" ? { ...reference, digest: digest.value } : reference;
  return [one, ...(await Promise.all(others.map((policy) => look(policy, held))))];
}

/** Where a policy asks for a scan and there is none, one is asked for; the answer says so. It does not wait for it. */
function withScanWanted(
  evidence: ImageEvidence,
  policy: ImagePolicy,
  want: (digest: Digest) => string | undefined,
): ImageEvidence {
  const { digest, scan } = evidence;
  if (policy.spec.scan === undefined || digest.kind !== "found" || scan.kind !== "absent") return evidence;
  const state = want(digest.value);
  return state === undefined ? evidence : { ...evidence, scan: { kind: "absent", why: `${scan.why}; ${state}` } };
}

async function runRego(subject: Subject, rule: RegoRule, rego: RegoRunner, signal: AbortSignal): Promise<RegoOutcome> {
  try {
    const seen = { ...subject, pods: rule.pods, images: rule.pods.flatMap(imagesOf) };
    const findings = await rego.run(rule.library, regoInput(seen, rule.parameters), signal);
    return { rule, result: { kind: "found", findings } };
  } catch (thrown) {
    return { rule, result: { kind: "failed", cause: asError(thrown) } };
  }
}
