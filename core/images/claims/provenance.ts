import { z } from "zod";

/** Longest builder or commit kept for the decision log, in characters. */
export const PROVENANCE_TEXT_LIMIT_CHARS = 512;

const text = z.string().min(1).max(PROVENANCE_TEXT_LIMIT_CHARS);
const digests = z.object({ gitCommit: text.optional(), sha1: text.optional() });
const materials = z.array(z.object({ uri: z.string().nullish(), digest: digests.nullish() })).max(4096);

/** @see https://slsa.dev/spec/v1.1/provenance */
const v1 = z.object({
  buildDefinition: z.object({ resolvedDependencies: materials.nullish() }).nullish(),
  runDetails: z.object({ builder: z.object({ id: text }) }),
});

/** @see https://slsa.dev/spec/v0.2/provenance */
const v02 = z.object({
  builder: z.object({ id: text }),
  invocation: z.object({ configSource: z.object({ digest: digests.nullish() }).nullish() }).nullish(),
  materials: materials.nullish(),
});

export interface Provenance {
  /** Who built it. */
  readonly builder?: string;
  /** From which commit, where the statement names one. */
  readonly sourceCommit?: string;
}

const READERS: Readonly<Record<string, (predicate: unknown) => Provenance>> = {
  "https://slsa.dev/provenance/v1": (predicate) => {
    const { data } = v1.safeParse(predicate);
    return provenance(data?.runDetails.builder.id, data?.buildDefinition?.resolvedDependencies?.[0]?.digest);
  },
  "https://slsa.dev/provenance/v0.2": (predicate) => {
    const { data } = v02.safeParse(predicate);
    return provenance(data?.builder.id, data?.invocation?.configSource?.digest ?? data?.materials?.[0]?.digest);
  },
};

/** Builder and commit of SLSA provenance; nothing for other predicates, or where a builder wrote it in his own way. */
export function readProvenance(predicateType: string, predicate: unknown): Provenance {
  return Object.hasOwn(READERS, predicateType) ? (READERS[predicateType]?.(predicate) ?? {}) : {};
}

function provenance(builder: string | undefined, digest: z.output<typeof digests> | null | undefined): Provenance {
  const sourceCommit = digest?.gitCommit ?? digest?.sha1;
  return { ...(builder === undefined ? {} : { builder }), ...(sourceCommit === undefined ? {} : { sourceCommit }) };
}
