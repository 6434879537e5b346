import { z } from "zod";
import { cel, certificatesField, nameField } from "./fields.ts";

/** Largest `trusted_root.json`, in characters; Sigstore's own is about 6,000. */
export const TRUSTED_ROOT_LIMIT_CHARS = 256 * 1024;

/** Any JSON value: what a worker thread can be sent, and a hash taken of. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonRecord = { readonly [key: string]: Json };

/** `application/vnd.dev.sigstore.trustedroot+json;version=0.1`, or 0.2's own spelling of it. */
const TRUSTED_ROOT_TYPE = /^application\/vnd\.dev\.sigstore\.trustedroot(?:\.v0\.[12])?\+json(?:;version=0\.[12])?$/;

const trustedRoot = z
  .union([z.string().max(TRUSTED_ROOT_LIMIT_CHARS), z.record(z.string(), z.json())], "expected an object or JSON text")
  .transform((given, context): JsonRecord => {
    const value = typeof given === "string" ? parsed(given) : given;
    const type = value?.["mediaType"];
    if (value !== undefined && typeof type === "string" && TRUSTED_ROOT_TYPE.test(type)) return value as JsonRecord;
    const message =
      value === undefined
        ? "expected JSON, as trusted_root.json holds it"
        : 'expected mediaType "application/vnd.dev.sigstore.trustedroot+json;version=0.1"';
    context.addIssue({ code: "custom", path: value === undefined ? [] : ["mediaType"], message, input: type });
    return z.NEVER;
  });

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

const count = z.number().int().min(0).max(8);

const requires = z
  .strictObject({
    transparencyLog: count.default(1).describe("Logs that must vouch for an entry. 0 asks for none."),
    timestamps: count.default(0).describe("RFC 3161 timestamps that must verify."),
    sct: count.default(1).describe("Certificate transparency logs that must vouch for the signing certificate."),
  })
  .refine(({ transparencyLog, timestamps }) => transparencyLog + timestamps > 0, {
    path: ["timestamps"],
    message: "expected a log entry or a timestamp: without either nothing says when a certificate was used",
  });

const sigstore = z.strictObject({
  trustedRoot: trustedRoot.describe("Sigstore's trusted_root.json (format v0.1 or v0.2), as an object or as its text."),
  requires: requires
    .default({ transparencyLog: 1, timestamps: 0, sct: 1 })
    .describe("How much of the root must have vouched for one signature."),
});

/** Most certificates that one trust store takes back. */
export const REVOKED_PER_ROOT = 4096;

const fingerprintField = z
  .string()
  .regex(/^[0-9A-Fa-f]{64}$/, "expected 64 hex digits")
  .transform((text) => text.toLowerCase());

const notary = z
  .strictObject({
    certificates: certificatesField
      .optional()
      .describe("PEM certificates of the authorities that issue signing certificates."),
    signingAuthorities: certificatesField
      .optional()
      .describe("PEM certificates of services that sign for others and are believed about the time, too."),
    timestampAuthorities: certificatesField
      .optional()
      .describe("PEM certificates of the authorities that issue RFC 3161 timestamps."),
    revoked: z
      .array(fingerprintField)
      .max(REVOKED_PER_ROOT)
      .default([])
      .describe("SHA-256 fingerprints of certificates that count no longer, as notation inspect shows them."),
    verifyTimestamp: z
      .enum(["always", "afterCertExpiry"])
      .default("always")
      .describe(
        "With timestampAuthorities: whether signatures need a timestamp even while their certificate is valid.",
      ),
  })
  .refine((one) => one.certificates !== undefined || one.signingAuthorities !== undefined, {
    path: ["certificates"],
    message: "expected certificates or signingAuthorities",
  })
  .meta(cel("has(self.certificates) || has(self.signingAuthorities)", "expected certificates or signingAuthorities"));

const spec = z
  .strictObject({
    sigstore: sigstore.optional().describe("The authorities of a Sigstore instance, for keyless signatures."),
    notary: notary.optional().describe("A trust store of the Notary Project."),
  })
  .refine((one) => (one.sigstore === undefined) !== (one.notary === undefined), "expected one of sigstore, notary")
  .meta({
    ...cel("has(self.sigstore) != has(self.notary)", "expected one of sigstore, notary"),
    description: "Certificates that may speak for identities.",
  });

/** TrustRoot, outrider.dev/v1alpha1: certificates that may speak for identities, by a name that policies use. */
export const trustRootSchema = z.strictObject({
  apiVersion: z.literal("outrider.dev/v1alpha1"),
  kind: z.literal("TrustRoot"),
  metadata: z.object({ name: nameField }),
  spec,
});

export type TrustRoot = z.output<typeof trustRootSchema>;

/** Whom to believe about keyless signatures: plain data, so that it can be hashed and sent to a worker thread. */
export interface SigstoreRoot {
  /** `trusted_root.json` as it was written; nobody has looked inside yet. */
  readonly trustedRoot: JsonRecord;
  readonly requires: { readonly transparencyLog: number; readonly timestamps: number; readonly sct: number };
}

/** Whom to believe about Notary Project signatures; PEM, with no line but those of certificates. */
export interface NotaryRoot {
  readonly certificates?: string;
  readonly signingAuthorities?: string;
  readonly timestampAuthorities?: string;
  readonly verifyTimestamp?: "always" | "afterCertExpiry";
  /** SHA-256 of certificates' DER, lower-case hex. */
  readonly revoked?: readonly string[];
}

/** The Sigstore root that ships with Outrider; no TrustRoot may take its name. */
export const PUBLIC_GOOD = "public-good";
