import { admits, type Decision, type NonEmpty, type OnUndecided } from "./decision.ts";
import type { Attestation, Digest, ScanResult, Signature, Verified } from "./evidence.ts";

/** A statement that the verifier believed. */
export type Proof = Verified<Signature> | Verified<Attestation> | Verified<ScanResult>;

/**
 * Why one image may run. There is no member for "nobody objected": a case that nobody thought of has no grounds.
 *
 *   evidence    the policy's demands are met, by at least one verified statement about this digest
 *   running     the digest runs in this namespace now and keeps the grace that the policy states
 *   configured  the operator vouches without evidence: by the gate's own file, or by a policy that asks for none
 *   advised     a policy that only warns or audits covers it
 *   audited     evidence could not be looked up, and the policy says to admit then, and to record it
 */
export type Grounds =
  | { readonly kind: "evidence"; readonly by: string; readonly digest: Digest; readonly proofs: NonEmpty<Proof> }
  | { readonly kind: "running"; readonly by: string; readonly digest: Digest }
  | { readonly kind: "configured"; readonly by: string }
  | { readonly kind: "advised"; readonly by: string }
  | { readonly kind: "audited"; readonly by: string; readonly cause: Error };

/** What one rule said of one thing; of an image where `image` says which. */
export interface Settled {
  readonly decision: Decision;
  /** What undecided means to this rule. */
  readonly onUndecided: OnUndecided;
  /** RFC 6901 pointer of the image. */
  readonly image?: string;
  readonly grounds?: Grounds;
}

declare const admissible: unique symbol;

/** Leave to store one object: every image that the object adds has its grounds. Only `admissibleBy` makes one. */
export interface Admissible {
  readonly [admissible]: true;
  /** By the image's pointer. */
  readonly grounds: ReadonlyMap<string, NonEmpty<Grounds>>;
}

/**
 * The one place that says yes to an object: no rule refuses, and every image has grounds from every rule that speaks of
 * it. An image of which no rule speaks is a no.
 *
 * @param images  pointers of every image that needs grounds, from the object itself and not from the rules' answers
 */
export function admissibleBy(images: readonly string[], settled: readonly Settled[]): Admissible | undefined {
  if (!settled.every(({ decision, onUndecided }) => admits(decision, onUndecided))) return undefined;
  const grounds = new Map<string, NonEmpty<Grounds>>();
  for (const image of images) {
    const speaking = settled.filter((one) => one.image === image);
    const [first, ...rest] = speaking.flatMap((one) => one.grounds ?? []);
    if (first === undefined || rest.length + 1 < speaking.length) return undefined;
    grounds.set(image, [first, ...rest]);
  }
  return { grounds } as unknown as Admissible;
}
