import { dirname, resolve } from "node:path";
import { z } from "zod";
import { readConfig } from "../core/base/config.ts";
import { hostPortField } from "../core/base/host-port.ts";
import { evidenceCacheSchema, verifySchema } from "./evidence-config.ts";

const DIGEST_PINNED = /@sha256:[0-9a-f]{64}$/;
const folder = z.strictObject({ folder: z.string().min(1) });

/** The sidecar that /mutate injects. With `verify: false` its exact digest is trusted by this file alone. */
const sidecar = z.strictObject({
  image: z.string().regex(DIGEST_PINNED, 'expected an image pinned by digest ("…@sha256:<64 hex digits>")'),
  verify: z.boolean().default(true),
});

/** Scans of images without scan evidence, in the background; their results go to `scanStore`. */
const trivy = z.strictObject({
  /** Found on PATH when it has no slash. */
  path: z.string().min(1).default("trivy"),
  cacheDir: z.string().min(1).optional(),
  /** Use the database as it is. */
  offline: z.boolean().default(false),
});

/** `admission` service configuration; relative paths resolve against the file's own folder. */
const admissionSchema = z
  .strictObject({
    listen: hostPortField,
    serverNames: z.array(z.string().min(1)).min(1, "expected at least one name or address"),
    stateDir: z.string().min(1),
    caFile: z.string().min(1),
    admin: z.strictObject({ listen: hostPortField }),
    policies: folder,
    cluster: folder.optional(),
    registries: z.array(z.strictObject({ host: z.string().min(1), plainHttp: z.boolean().default(false) })).default([]),
    evidenceCache: evidenceCacheSchema.prefault({}),
    verify: verifySchema.prefault({}),
    scanStore: z.string().min(1).optional(),
    trivy: trivy.optional(),
    sidecar: sidecar.optional(),
    collector: z.url("expected a URL").optional(),
  })
  .refine(({ trivy, scanStore }) => trivy === undefined || scanStore !== undefined, {
    path: ["scanStore"],
    message: "expected a file: trivy needs a place for its results",
  });

export type AdmissionConfig = z.output<typeof admissionSchema>;

/** @throws {CodedError} CONFIG_UNREADABLE, CONFIG_INVALID naming every problem at once */
export function readAdmissionConfig(file: string): AdmissionConfig {
  const config = readConfig(admissionSchema as unknown as z.ZodType<AdmissionConfig>, file);
  const at = (path: string) => resolve(dirname(file), path);
  return {
    ...config,
    stateDir: at(config.stateDir),
    caFile: at(config.caFile),
    policies: { folder: at(config.policies.folder) },
    ...(config.cluster === undefined ? {} : { cluster: { folder: at(config.cluster.folder) } }),
    ...(config.scanStore === undefined ? {} : { scanStore: at(config.scanStore) }),
    ...(config.trivy === undefined ? {} : { trivy: trivyAt(config.trivy, at) }),
  };
}

function trivyAt(config: NonNullable<AdmissionConfig["trivy"]>, at: (path: string) => string) {
  const { path, cacheDir } = config;
  return {
    ...config,
    path: path.includes("/") ? at(path) : path,
    ...(cacheDir === undefined ? {} : { cacheDir: at(cacheDir) }),
  };
}
