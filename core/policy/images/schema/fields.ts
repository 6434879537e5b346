import { z } from "zod";
import { durationField } from "../../../base/duration.ts";
import { imageGlobProblem } from "../image-glob.ts";

/** Bounds of one policy, so that judging one image is bounded too. */
export const AUTHORITIES_PER_POLICY = 32;
export const GLOBS_PER_POLICY = 256;
/** Longest PEM of one key, and of a store of certificates, in characters. */
export const KEY_LIMIT_CHARS = 4096;
export const STORE_LIMIT_CHARS = 512 * 1024;

const DNS_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const PUBLIC_KEY = /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----$/;
const CERTIFICATES = /^(?:-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n*)+$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** A name as Kubernetes has them: "production". */
export const nameField = z.string().regex(DNS_NAME, 'expected a DNS name such as "production"');

export const publicKeyField = z
  .string()
  .transform(unixLines)
  .refine(
    (text) => text.length <= KEY_LIMIT_CHARS && PUBLIC_KEY.test(text),
    "expected a PEM public key (-----BEGIN PUBLIC KEY-----)",
  );

/** One certificate after the other, without the comments that tools write between them. */
export const certificatesField = z
  .string()
  .transform((text) => unixLines(text).replace(/^(?!-----)[^\n]*[^A-Za-z0-9+/=\n][^\n]*\n/gm, ""))
  .refine(
    (text) => text.length <= STORE_LIMIT_CHARS && CERTIFICATES.test(text),
    "expected PEM certificates (-----BEGIN CERTIFICATE-----)",
  );

export const imageGlobField = z.string().superRefine((text, context) => {
  const problem = imageGlobProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

export const digestField = z.string().regex(DIGEST, 'expected "sha256:" and 64 lower-case hex digits');

/** How many of several must have done a thing. */
export const thresholdField = z.union(
  [z.enum(["any", "all"]), z.strictObject({ atLeast: z.number().int().min(1).max(AUTHORITIES_PER_POLICY) })],
  "expected any, all or { atLeast: n }",
);
export type Threshold = z.output<typeof thresholdField>;

function unixLines(text: string): string {
  return text.replaceAll("\r\n", "\n").trim();
}

/** How old something may be. */
export const ageField = durationField.meta({ pattern: "^[0-9]{1,9}(ms|s|m|h|d|w)$" });

/** A rule of the custom resource's schema, in CEL, for what a JSON schema has no words for. The gate holds to it, too. */
export function cel(rule: string, message: string): { readonly "x-kubernetes-validations": readonly object[] } {
  return { "x-kubernetes-validations": [{ rule, message }] };
}
