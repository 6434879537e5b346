import { ALLOW, admits, type Decision, decide } from "../core/policy/decision.ts";
import type { Digest, ImageEvidence } from "../core/policy/evidence.ts";
import { judgeImage, judgeInvalidReference, judgeUncovered } from "../core/policy/images/image-policy.ts";
import { judgePodSecurity } from "../core/policy/pods/pod-security.ts";
import { plainPart } from "./answer/plain-text.ts";
import { scanText } from "./answer/scan-text.ts";
import type { Subject } from "./containers.ts";
import type { Evidence, PolicyEvidence, RegoOutcome } from "./evidence.ts";
import type { LevelRule } from "./levels.ts";
import type { ImageRule, PolicyMode, Rules } from "./rules.ts";

/** One thing one rule said: about an image, a pod or the object. */
export interface Part {
  /** "spec.containers[0].image" */
  readonly path: string;
  /** The image reference, or what was looked at: "pod security baseline". */
  readonly about: string;
  /** "ImagePolicy production" */
  readonly rule: string;
  readonly mode: PolicyMode;
  readonly decision: Decision;
  /** For an image: what its evidence was. */
  readonly facts?: ImageFacts;
}

/** What evidence said of one image, for people and for the record. */
export interface ImageFacts {
  readonly pointer: string;
  readonly digest?: Digest;
  readonly signers: readonly string[];
  /** "signed by acme-release", "not signed", "signatures not known" */
  readonly signed: string;
  /** "scan: attestation by acme-scanner, 2 h old" */
  readonly scan: string;
}

/** The answer about one object. */
export interface Verdict {
  readonly subject: Subject;
  readonly rules: Rules;
  readonly parts: readonly Part[];
  /** Why nothing was judged; then `parts` is empty. */
  readonly unjudged?: string;
}

/** What decides besides evidence. */
export interface JudgeOptions {
  readonly nowMs: number;
  /** Whether images of a Pod must already name their digest: true where the mutating webhook has had its turn. */
  readonly pinned: boolean;
}

/** Every part admits. A part that only warns or audits admits whatever it says, and what it could not find out. */
export function isAdmitted({ parts }: Verdict): boolean {
  return parts.every(({ decision, mode }) => mode !== "enforce" || admits(decision));
}

/**
 * The verdict, from evidence alone: the same for the webhook, the command line and a test.
 * Pure: no clock, no network; the same input gives the same verdict.
 */
export function judge(subject: Subject, rules: Rules, evidence: Evidence, options: JudgeOptions): Verdict {
  if (subject.unjudged !== undefined) return { subject, rules, parts: [], unjudged: subject.unjudged };
  const images = evidence.images.flatMap((one) => imageParts(one.rule, one.found, subject, options));
  const levels = rules.levels.flatMap((rule) => subject.newPods.map((pod) => levelPart(pod, rule)));
  return { subject, rules, parts: [...images, ...levels, ...evidence.rego.map(regoPart)].map(plainPart) };
}

function imageParts(
  rule: ImageRule,
  found: readonly PolicyEvidence[],
  subject: Subject,
  options: JudgeOptions,
): Part[] {
  const { image, trusted } = rule;
  const base = { path: image.path, about: image.reference === "" ? "(no image)" : image.reference };
  if (trusted) return [{ ...base, rule: "admission sidecar.image", mode: "enforce", decision: ALLOW }];
  if (found.length === 0) return [{ ...base, rule: "the gate", mode: "enforce", decision: nobodyVouches(rule) }];
  return found.map(({ policy, evidence }) => ({
    ...base,
    rule: `ImagePolicy ${policy.metadata.name}`,
    mode: policy.spec.mode,
    decision: judgeImage(evidence, policy, placeOf(rule, evidence, subject, options), options.nowMs),
    facts: factsOf(image.pointer, evidence, options.nowMs),
  }));
}

/** An image without a known digest has nothing to be pinned to: it is refused for that, and a second reason is noise. */
function placeOf({ image }: ImageRule, { digest }: ImageEvidence, subject: Subject, { pinned }: JudgeOptions) {
  return { path: image.path, willBePinned: !pinned || !isPod(subject) || digest.kind !== "found" };
}

function nobodyVouches({ image, reference, invalid }: ImageRule): Decision {
  return reference === undefined
    ? judgeInvalidReference(image.reference, invalid, image)
    : judgeUncovered(image.reference, image);
}

export function isPod({ group, kind }: Subject): boolean {
  return group === "" && kind === "Pod";
}

function levelPart(pod: Subject["pods"][number], { level, version, rule, mode }: LevelRule): Part {
  const about = `pod security ${level}${version === "latest" ? "" : ` ${version}`}`;
  const decision = decide(judgePodSecurity(pod, level, version, rule), mode === "enforce" ? "enforce" : "warn");
  return { path: pod.path, about, rule, mode, decision };
}

function regoPart({ rule, result }: RegoOutcome): Part {
  const about = `rego ${rule.library}`;
  const base = { path: "(object)", about, rule: rule.rule, mode: rule.mode };
  if (result.kind === "failed") return { ...base, decision: { kind: "undecided", where: about, cause: result.cause } };
  const by = `Rego ${rule.library} (${rule.rule})`;
  const violations = result.findings.map((finding) => ({ code: "REGO_VIOLATION", ...finding, rule: by }));
  return { ...base, decision: decide(violations, rule.mode === "enforce" ? "enforce" : "warn") };
}

function factsOf(pointer: string, evidence: ImageEvidence, nowMs: number): ImageFacts {
  const { digest, signatures } = evidence;
  const signers = signatures.kind === "found" ? [...new Set(signatures.value.map(({ signer }) => signer))] : [];
  return {
    pointer,
    ...(digest.kind === "found" ? { digest: digest.value } : {}),
    signers,
    signed: signedText(signatures.kind, signers),
    scan: scanText(evidence.scan, nowMs),
  };
}

function signedText(kind: ImageEvidence["signatures"]["kind"], signers: readonly string[]): string {
  switch (kind) {
    case "found":
      return `signed by ${signers.join(", ")}`;
    case "absent":
      return "not signed";
    case "failed":
      return "signatures not known";
  }
}
