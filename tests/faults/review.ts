import { applyPatch } from "rfc6902";
import type { Verdict } from "../../admission/judge.ts";
import type { ReviewResponse } from "../../admission/review.ts";
import type { Digest } from "../../core/policy/evidence.ts";
import type { Circumstances } from "./oracle.ts";

/** One answer, and what was so while it was found. */
export interface Review {
  readonly allowed: boolean;
  readonly tookMs: number;
  /** How many doors the object went through, each with the whole deadline. */
  readonly doors: number;
  /** Codes of what was found, for the log. */
  readonly words: string;
  /** What the gate judged, image by image. */
  readonly images: readonly { readonly reference: string; readonly digest?: Digest }[];
  readonly circumstances: Circumstances;
}

/** The object as the API server has it after /mutate. */
export function patched(object: unknown, { patch }: ReviewResponse): unknown {
  if (patch === undefined) return object;
  const copy = structuredClone(object);
  applyPatch(copy, JSON.parse(Buffer.from(patch, "base64").toString("utf8")) as Parameters<typeof applyPatch>[1]);
  return copy;
}

/** What was judged: by the digest that is written, where one is. */
export function imagesOf(verdict: Verdict | undefined): Review["images"] {
  return (verdict?.parts ?? []).flatMap(({ about, facts }) => {
    const written = /@(sha256:[0-9a-f]{64})$/.exec(about)?.[1] as Digest | undefined;
    const digest = written ?? facts?.digest;
    return [{ reference: about, ...(digest === undefined ? {} : { digest }) }];
  });
}

/** Codes of everything found, each once. */
export function wordsOf(verdict: Verdict | undefined): string {
  const words = (verdict?.parts ?? []).map(({ decision }) => {
    if ("violations" in decision) return decision.violations.map(({ code }) => code).join("+");
    if (decision.kind === "allow") return "ok";
    return (decision.cause as { code?: string }).code ?? decision.cause.message;
  });
  return [...new Set(words)].join(", ") || (verdict?.unjudged ?? "nothing");
}
