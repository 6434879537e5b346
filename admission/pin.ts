import { pinReference } from "../core/images/reference.ts";
import { isPod, type Verdict } from "./judge.ts";

/** The part of RFC 6902 the gate writes. */
export type PatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/**
 * Holds every judged image of a Pod to the digest whose evidence was judged: `repo:tag` becomes `repo:tag@sha256:…`.
 * Only Pods: pinning a controller's template would make it differ from what its owner applied.
 */
export function pinImages(verdict: Verdict): PatchOperation[] {
  if (!isPod(verdict.subject)) return [];
  return verdict.rules.images.flatMap(({ image, reference, policies }): PatchOperation[] => {
    const wanted = policies.some(({ spec }) => spec.pinDigests);
    const digest = verdict.parts.find(({ facts }) => facts?.pointer === image.pointer)?.facts?.digest;
    if (!wanted || reference === undefined || reference.digest !== undefined || digest === undefined) return [];
    return [{ op: "replace", path: image.pointer, value: pinReference(reference, digest) }];
  });
}
