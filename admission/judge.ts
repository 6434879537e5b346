import { formatRepository } from "../core/images/reference.ts";
import { type Admissible, admissibleBy, type Grounds, type Settled } from "../core/policy/admissible.ts";
import { ALLOW, type Decision, decide, type OnUndecided } from "../core/policy/decision.ts";
import type { Digest, ImageEvidence } from "../core/policy/evidence.ts";
import {
  type ImageJudgement,
  type ImagePlace,
  judgeImage,
  judgeInvalidReference,
  judgeUncovered,
  notGathered,
  onUndecidedOf,
} from "../core/policy/images/image-policy.ts";
import { judgePodSecurity } from "../core/policy/pods/pod-security.ts";
import { plainPart } from "./answer/plain-text.ts";
import { scanText } from "./answer/scan-text.ts";
import type { Subject } from "./containers.ts";
import type { Evidence } from "./evidence.ts";
import type { ImageRule, LevelAt, PolicyMode, RegoRule, Rules } from "./rules.ts";

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
  /** What undecided means to the rule; to one that says nothing of it, a no. */
  readonly onUndecided?: OnUndecided;
  /** For an image: its RFC 6901 pointer, on what grounds it may run, and what its evidence was. */
  readonly image?: string;
  readonly grounds?: Grounds;
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
  /** Digests that run in the object's namespace now. */
  readonly running?: ReadonlySet<Digest>;
}

/** What a review asks: the object's parts and the rules that speak of them. */
export interface Question {
  readonly subject: Subject;
  readonly rules: Rules;
}

/** Leave to store the object, or nothing. What it is derived from is the object's own images, never the rules' answers. */
export function admissionOf({ subject, rules, parts }: Verdict): Admissible | undefined {
  const due = subject.images.map(({ pointer }) => pointer).filter((pointer) => !rules.stored.has(pointer));
  return admissibleBy(due, parts.map(settled));
}

export function isAdmitted(verdict: Verdict): boolean {
  return admissionOf(verdict) !== undefined;
}

/** A part that only warns or audits admits whatever it says, and what it could not find out. */
function settled(part: Part): Settled {
  const { decision, mode, image, grounds } = part;
  return {
    decision: mode === "enforce" || decision.kind !== "deny" ? decision : ALLOW,
    onUndecided: undecidedMeans(part),
    ...(image === undefined ? {} : { image }),
    ...(grounds === undefined ? {} : { grounds }),
  };
}

/** What undecided means to a part's rule. */
export function undecidedMeans({ mode, onUndecided = "deny" }: Part): OnUndecided {
  return mode === "enforce" ? onUndecided : "allow-audited";
}

/**
 * The verdict, from evidence alone: the same for the webhook, the command line, a re-scan and a test.
 * Pure: no clock, no network; the same question, evidence and options give the same verdict.
 *
 * Every image of the question is judged by every policy that covers it. One without evidence is undecided, and one
 * that no policy covers is refused, so a look-up that somebody forgot is never an allow.
 */
export function evaluate({ subject, rules }: Question, evidence: Evidence, options: JudgeOptions): Verdict {
  if (subject.unjudged !== undefined) return { subject, rules, parts: [], unjudged: subject.unjudged };
  const images = rules.images.flatMap((rule) => imageParts(rule, evidence, subject, options));
  const levels = rules.levels.map(levelPart);
  const rego = rules.rego.map((rule) => regoPart(rule, evidence));
  const parts = [...unknownParts(rules), ...images, ...levels, ...rego];
  return { subject, rules, parts: parts.map(plainPart) };
}

function unknownParts({ unknown }: Rules): Part[] {
  if (unknown === undefined) return [];
  const decision = { kind: "undecided", where: "metadata.namespace", cause: unknown } as const;
  return [
    { path: "metadata.namespace", about: "the rules of the namespace", rule: "the gate", mode: "enforce", decision },
  ];
}

function imageParts(rule: ImageRule, evidence: Evidence, subject: Subject, options: JudgeOptions): Part[] {
  const { image, trusted, policies } = rule;
  const about = image.reference === "" ? "(no image)" : image.reference;
  const base = { path: image.path, about, image: image.pointer, mode: "enforce" } as const;
  if (trusted) {
    const by = "admission sidecar.image";
    return [{ ...base, rule: by, decision: ALLOW, grounds: { kind: "configured", by } }];
  }
  if (policies.length === 0) return [{ ...base, rule: "the gate", decision: nobodyVouches(rule) }];
  const found = evidence.images.get(image.pointer) ?? [];
  return policies.map((policy) => {
    const own = found.find((one) => one.policy === policy)?.evidence;
    const named = { ...base, rule: `ImagePolicy ${policy.metadata.name}`, mode: policy.spec.mode };
    const judged =
      own === undefined
        ? notLookedUp(image.path)
        : judgeImage(own, policy, placeOf(rule, own, subject, options), options.nowMs);
    const facts = own === undefined ? {} : { facts: factsOf(image.pointer, own, options.nowMs) };
    return { ...named, ...judged, onUndecided: onUndecidedOf(policy), ...facts };
  });
}

/** No policy lets an image pass that nobody looked at, not even one that would let a failed look-up pass. */
function notLookedUp(path: string): ImageJudgement {
  return { decision: { kind: "undecided", where: path, cause: notGathered(path) } };
}

/** An image without a known digest has nothing to be pinned to: it is refused for that, and a second reason is noise. */
function placeOf(
  { image, reference }: ImageRule,
  { digest }: ImageEvidence,
  subject: Subject,
  { pinned, running }: JudgeOptions,
): ImagePlace {
  return {
    path: image.path,
    ...(reference === undefined ? {} : { name: formatRepository(reference) }),
    ...(running === undefined ? {} : { running }),
    willBePinned: !pinned || !isPod(subject) || digest.kind !== "found",
  };
}

function nobodyVouches({ image, reference, invalid }: ImageRule): Decision {
  return reference === undefined
    ? judgeInvalidReference(image.reference, invalid, image)
    : judgeUncovered(image.reference, image);
}

export function isPod({ group, kind }: Subject): boolean {
  return group === "" && kind === "Pod";
}

function levelPart({ pod, rule: { level, version, rule, mode } }: LevelAt): Part {
  const about = `pod security ${level}${version === "latest" ? "" : ` ${version}`}`;
  const decision = decide(judgePodSecurity(pod, level, version, rule), mode === "enforce" ? "enforce" : "warn");
  return { path: pod.path, about, rule, mode, decision };
}

function regoPart(rule: RegoRule, { rego }: Evidence): Part {
  const about = `rego ${rule.library}`;
  const base = { path: "(object)", about, rule: rule.rule, mode: rule.mode };
  const result = rego.find((one) => one.rule === rule)?.result ?? { kind: "failed", cause: notGathered(about) };
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
