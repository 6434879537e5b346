import { z } from "zod";
import { durationField } from "../core/base/duration.ts";
import { hostPortField } from "../core/base/host-port.ts";
import { isTrustDomain } from "../core/identity/spiffe-id.ts";

const trustDomainField = z
  .string()
  .refine(isTrustDomain, 'expected a trust domain such as "prod.example.org" (a-z, 0-9, ".", "-", "_")');

/** Shortest and longest life of a workload certificate, in milliseconds. */
export const SHORTEST_CERTIFICATE_TTL_MS = 60_000;
export const LONGEST_CERTIFICATE_TTL_MS = 7 * 86_400_000;

const certificateTtlField = durationField.refine(
  (ttlMs) => ttlMs >= SHORTEST_CERTIFICATE_TTL_MS && ttlMs <= LONGEST_CERTIFICATE_TTL_MS,
  'expected a duration between "1m" and "7d"',
);

/** Soonest and latest relist of the cluster's folder, in milliseconds. */
export const SHORTEST_RELIST_MS = 1000;
export const LONGEST_RELIST_MS = 3_600_000;

const relistField = durationField.refine(
  (everyMs) => everyMs >= SHORTEST_RELIST_MS && everyMs <= LONGEST_RELIST_MS,
  'expected a duration between "1s" and "1h"',
);

/** The control plane's configuration. Relative paths are relative to the file. */
export const meshConfig = z.strictObject({
  trustDomain: trustDomainField,
  /** Holds the root key (0600) and its certificate. */
  stateDir: z.string().min(1),
  /** Every live anchor as PEM, rewritten atomically when the root rotates. */
  bundleFile: z.string().min(1),
  cluster: z.strictObject({ folder: z.string().min(1), relistInterval: relistField.prefault("60s") }),
  ca: z.strictObject({ listen: hostPortField, certificateTtl: certificateTtlField.prefault("24h") }),
  snapshots: z.strictObject({ listen: hostPortField }),
  admin: z.strictObject({ listen: hostPortField }),
  tokens: z.strictObject({
    jwks: z.string().min(1),
    issuer: z.string().min(1),
    audience: z.string().min(1).default("outrider-ca"),
  }),
  collector: z.url({ protocol: /^https?$/ }).optional(),
  /** What a namespace without the annotation outrider.dev/mtls gets. */
  mtls: z.enum(["strict", "permissive"]).default("strict"),
});

export type MeshConfig = z.output<typeof meshConfig>;
