import { dirname, resolve } from "node:path";
import { z } from "zod";
import { readConfig } from "../core/base/config.ts";
import { durationField } from "../core/base/duration.ts";
import { hostPortField } from "../core/base/host-port.ts";
import { type KubernetesConfig, kubernetesSchema } from "./kubernetes/config.ts";
import { ANCHOR_LIFE_MS, ANCHOR_OVERLAP_MS, SERVING_LIFE_MS } from "./kubernetes/lives.ts";
import { auditSchema } from "./record/audit-config.ts";
import { dockerConfigSchema, registriesSchema, registryAt } from "./registries/config.ts";
import { evidenceCacheSchema, verifySchema } from "./sources/evidence-config.ts";

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

const life = durationField.refine((ms) => ms > 0, 'expected a duration above zero, such as "30d"');

/** Who may ask for reviews, and how long the certificates that the webhook makes for itself live. */
const tls = z
  .strictObject({
    /** PEM. With it, a review from anyone without a certificate of this authority is refused unread. */
    clientCa: z.string().min(1).optional(),
    /** Common names or DNS names of the certificates that may ask; every name, when left out. */
    clientNames: z.array(z.string().min(1)).min(1).optional(),
    /** The next three count with `kubernetes`, where replicas share an authority. */
    servingLife: life.default(SERVING_LIFE_MS),
    caLife: life.default(ANCHOR_LIFE_MS),
    /** How long a new anchor is in the webhook configurations before anything is served from it. */
    caOverlap: life.default(ANCHOR_OVERLAP_MS),
  })
  .refine(({ clientCa, clientNames }) => clientNames === undefined || clientCa !== undefined, {
    path: ["clientCa"],
    message: "expected a file: names alone prove nothing",
  });

/** `admission` service configuration; relative paths resolve against the file's own folder. */
const admissionSchema = z
  .strictObject({
    listen: hostPortField,
    serverNames: z.array(z.string().min(1)).min(1, "expected at least one name or address"),
    stateDir: z.string().min(1),
    caFile: z.string().min(1),
    admin: z.strictObject({ listen: hostPortField }),
    /** Left out: policies come from the API server. */
    policies: folder.optional(),
    cluster: folder.optional(),
    registries: registriesSchema,
    dockerConfig: dockerConfigSchema.optional(),
    evidenceCache: evidenceCacheSchema.prefault({}),
    verify: verifySchema.prefault({}),
    scanStore: z.string().min(1).optional(),
    trivy: trivy.optional(),
    sidecar: sidecar.optional(),
    collector: z.url("expected a URL").optional(),
    audit: auditSchema.prefault({}),
    kubernetes: kubernetesSchema.optional(),
    tls: tls.prefault({}),
    /** How long a replica that is told to stop goes on answering, not ready, until nobody sends it anything new. */
    drain: durationField.default(0),
  })
  .refine(({ trivy, scanStore }) => trivy === undefined || scanStore !== undefined, {
    path: ["scanStore"],
    message: "expected a file: trivy needs a place for its results",
  })
  .refine(({ policies, kubernetes }) => policies !== undefined || kubernetes !== undefined, {
    path: ["policies"],
    message: "expected a folder, or kubernetes to read them from its API server",
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
    registries: config.registries.map((registry) => registryAt(registry, at)),
    ...(config.dockerConfig === undefined
      ? {}
      : { dockerConfig: { ...config.dockerConfig, file: at(config.dockerConfig.file) } }),
    ...(config.policies === undefined ? {} : { policies: { folder: at(config.policies.folder) } }),
    ...(config.cluster === undefined ? {} : { cluster: { folder: at(config.cluster.folder) } }),
    ...(config.scanStore === undefined ? {} : { scanStore: at(config.scanStore) }),
    ...(config.trivy === undefined ? {} : { trivy: trivyAt(config.trivy, at) }),
    ...(config.kubernetes === undefined ? {} : { kubernetes: kubernetesAt(config.kubernetes, at) }),
    tls: config.tls.clientCa === undefined ? config.tls : { ...config.tls, clientCa: at(config.tls.clientCa) },
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

function kubernetesAt(config: KubernetesConfig, at: (path: string) => string): KubernetesConfig {
  return config.kubeconfig === undefined ? config : { ...config, kubeconfig: at(config.kubeconfig) };
}
