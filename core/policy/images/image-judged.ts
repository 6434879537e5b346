import type { Proof } from "../admissible.ts";
import type { Violation } from "../decision.ts";
import { POLICY_ERRORS } from "../errors.ts";
import type { Digest, ImageEvidence } from "../evidence.ts";
import type { ImagePolicy } from "./schema/image-policy-schema.ts";

/** Where the image is written, and what else is known of it there. */
export interface ImagePlace {
  /** "spec.initContainers[0].image" */
  readonly path: string;
  /** The reference's host/repository, normalised; known even where no evidence is. */
  readonly name?: string;
  /** True while the mutating webhook has yet to run, which pins the digest itself. */
  readonly willBePinned?: boolean;
  /** Digests that run in the object's namespace now. */
  readonly running?: ReadonlySet<Digest>;
}

/** Codes of image violations. */
export type ImageCode = Extract<keyof typeof POLICY_ERRORS, `IMG_${string}`>;

/** One image before one policy: what every rule looks at. */
export interface Judged {
  readonly evidence: ImageEvidence;
  readonly policy: ImagePolicy;
  readonly place: ImagePlace;
  readonly nowMs: number;
}

/** What one rule of a policy found. */
export interface Ruling {
  readonly violations: readonly Violation[];
  /** Violations that a digest running in the namespace is let pass with: told, and refusing nothing. */
  readonly excused: readonly Violation[];
  /** The verified statements that meet the rule. */
  readonly proofs: readonly Proof[];
}

/** A rule that asks for nothing, or that cannot be judged: what is missing then is told once, by the look-up that failed. */
export const SILENT: Ruling = { violations: [], excused: [], proofs: [] };

export const met = (proofs: readonly Proof[]): Ruling => ({ ...SILENT, proofs });
export const broken = (...violations: readonly Violation[]): Ruling => ({ ...SILENT, violations });
export const excused = (violation: Violation, proofs: readonly Proof[] = []): Ruling => ({
  violations: [],
  excused: [violation],
  proofs,
});

export function together(rulings: readonly Ruling[]): Ruling {
  return {
    violations: rulings.flatMap((one) => one.violations),
    excused: rulings.flatMap((one) => one.excused),
    proofs: rulings.flatMap((one) => one.proofs),
  };
}

/** The digest that all other evidence is about. */
export function digestOf({ evidence: { digest } }: Judged): Digest | undefined {
  return digest.kind === "found" ? digest.value : undefined;
}

export function runsHere(judged: Judged): boolean {
  const digest = digestOf(judged);
  return digest !== undefined && judged.place.running?.has(digest) === true;
}

/** Normalised host/repository. */
export function repositoryOf({ evidence, place }: Judged): string {
  return place.name ?? evidence.name ?? nameOf(evidence.reference);
}

/** The reference without tag and digest. */
export function nameOf(reference: string): string {
  const name = reference.split("@")[0] ?? "";
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon === -1 ? name : name.slice(0, colon);
}

/** "latest", or `undefined` where the reference has none. */
export function tagOf(reference: string): string | undefined {
  const name = reference.split("@")[0] ?? "";
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon === -1 ? undefined : name.slice(colon + 1);
}

/** "ghcr.io/acme/web@sha256:…", as commands take it. */
export function pinnedName(judged: Judged): string {
  const digest = digestOf(judged);
  return `${nameOf(judged.evidence.reference)}${digest === undefined ? "" : `@${digest}`}`;
}

/** One broken rule of a policy. The fix is the code's own unless a better one is known here. */
export function complain(
  { evidence, policy, place }: Judged,
  code: ImageCode,
  found: string,
  expected: string,
  fix?: string,
): Violation {
  const rule = `ImagePolicy ${policy.metadata.name}`;
  return violation(code, {
    path: place.path,
    subject: evidence.reference,
    rule,
    found,
    expected,
    ...(fix === undefined ? {} : { fix }),
  });
}

export function violation(
  code: ImageCode,
  facts: Omit<Violation, "code" | "fix"> & { readonly fix?: string },
): Violation {
  return { code, ...facts, fix: facts.fix ?? POLICY_ERRORS[code].fix };
}
