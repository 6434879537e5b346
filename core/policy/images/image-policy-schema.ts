import { z } from "zod";
import { durationField } from "../../base/duration.ts";
import { SEVERITIES } from "../evidence.ts";
import { imageGlobProblem } from "./image-glob.ts";

/** Bounds of one policy, so that judging one image is bounded too. */
export const AUTHORITIES_PER_POLICY = 32;
export const GLOBS_PER_POLICY = 256;

const PEM = /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----$/;
const DNS_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

const name = z.string().regex(DNS_NAME, 'expected a DNS name such as "production"');

const publicKey = z
  .string()
  .transform((text) => text.replaceAll("\r\n", "\n").trim())
  .refine((text) => text.length <= 4096 && PEM.test(text), "expected a PEM public key (-----BEGIN PUBLIC KEY-----)");

/** Who may vouch, and for what: a release key for "we made this", a scanner key for "we scanned this". */
export const authority = z.strictObject({ name, role: z.enum(["release", "scanner"]), key: publicKey });
export type Authority = z.output<typeof authority>;

const imageGlob = z.string().superRefine((text, context) => {
  const problem = imageGlobProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const match = z.strictObject({
  /** Globs by path segment over host/repository; at least one image glob, or `spec.pods` alone. */
  images: z.array(imageGlob).max(GLOBS_PER_POLICY).default([]),
  /** Exact namespaces; absent means every namespace. */
  namespaces: z.array(z.string().min(1)).min(1).max(GLOBS_PER_POLICY).optional(),
});

const signatures = z.strictObject({
  /** How many of the release authorities must have signed. */
  require: z.union(
    [z.enum(["any", "all"]), z.strictObject({ atLeast: z.number().int().min(1).max(AUTHORITIES_PER_POLICY) })],
    "expected any, all or { atLeast: n }",
  ),
  /** Require that a signature names this very repository, so that one made for another cannot be replayed here. */
  sameRepository: z.boolean().default(false),
});

const scan = z.strictObject({
  maxAge: durationField,
  refuse: z.array(z.enum(SEVERITIES)).default(["critical"]),
  /** Count only findings that a newer package mends. */
  onlyFixable: z.boolean().default(false),
});

const pods = z.strictObject({
  podSecurity: z.enum(["baseline", "restricted", "privileged"]).optional(),
  rego: z
    .array(z.strictObject({ library: z.string().min(1), parameters: z.record(z.string(), z.unknown()).default({}) }))
    .default([]),
  inject: z.boolean().default(false),
});

const spec = z.strictObject({
  match,
  mode: z.enum(["enforce", "warn", "audit"]).default("enforce"),
  authorities: z.array(authority).max(AUTHORITIES_PER_POLICY).default([]),
  signatures: signatures.optional(),
  scan: scan.optional(),
  pinDigests: z.boolean().default(true),
  pods: pods.optional(),
});

/**
 * ImagePolicy, outrider.dev/v1alpha1: which images may run where, on whose word.
 * A policy that could never be met (more signers wanted than named, a scan wanted and no scanner named, one key in two
 * roles) is refused here rather than by every admission.
 */
export const imagePolicySchema = z.strictObject({
  apiVersion: z.literal("outrider.dev/v1alpha1"),
  kind: z.literal("ImagePolicy"),
  metadata: z.object({ name, annotations: z.record(z.string(), z.string()).optional() }),
  spec: spec.superRefine((value, context) => {
    for (const [path, message] of contradictions(value)) context.addIssue({ code: "custom", path, message });
  }),
});

export type ImagePolicy = z.output<typeof imagePolicySchema>;

type Problem = readonly [path: (string | number)[], message: string];

function contradictions(value: z.output<typeof spec>): Problem[] {
  const { authorities } = value;
  return [
    ...duplicates(authorities, "name", "name"),
    ...duplicates(authorities, "key", "key: one key vouches for one thing only"),
    ...unmeetable(value),
    ...(value.match.images.length === 0 && value.pods === undefined
      ? [[["match", "images"], "expected at least one image glob, or spec.pods"] as const]
      : []),
  ].map(([path, message]) => [[...path], message]);
}

function duplicates(authorities: readonly Authority[], field: "name" | "key", what: string): Problem[] {
  return authorities.flatMap((one, index): Problem[] => {
    const first = authorities.findIndex((other) => other[field] === one[field]);
    return first === index ? [] : [[["authorities", index, field], `same as authorities[${first}].${what}`]];
  });
}

function unmeetable({ authorities, signatures, scan }: z.output<typeof spec>): Problem[] {
  const count = (role: Authority["role"]) => authorities.filter((one) => one.role === role).length;
  const wanted = typeof signatures?.require === "object" ? signatures.require.atLeast : 1;
  const problems: Problem[] = [];
  if (signatures !== undefined && count("release") < wanted) {
    problems.push([
      ["signatures", "require"],
      `wants ${wanted} signers, found ${count("release")} authorities of role release`,
    ]);
  }
  if (scan !== undefined && scan.refuse.length === 0)
    problems.push([["scan", "refuse"], "expected at least one severity"]);
  return problems;
}
