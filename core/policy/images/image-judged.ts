import type { Violation } from "../decision.ts";
import { POLICY_ERRORS } from "../errors.ts";
import type { ImageEvidence } from "../evidence.ts";
import type { ImagePolicy } from "./image-policy-schema.ts";

/** Where the image is written, and what will still happen to it. */
export interface ImagePlace {
  /** "spec.initContainers[0].image" */
  readonly path: string;
  /** True while the mutating webhook has yet to run, which pins the digest itself. */
  readonly willBePinned?: boolean;
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
