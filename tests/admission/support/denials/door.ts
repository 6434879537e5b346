import { applyPatch } from "rfc6902";
import { createDoors } from "../../../../admission/https/doors.ts";
import { createMetrics } from "../../../../admission/record/observe.ts";
import type { RegoRunner } from "../../../../admission/rego/rego.ts";
import { parseReview, type ReviewResponse } from "../../../../admission/review.ts";
import { HOUR_MS } from "../../../../core/base/clock.ts";
import { silentLog } from "../../../../core/base/log.ts";
import { NO_TRACING } from "../../../../core/base/tracing.ts";
import type {
  Attestation,
  Digest,
  ImageEvidence,
  ScanResult,
  Signature,
  SignerRole,
  Verified,
} from "../../../../core/policy/evidence.ts";
import { type ImagePolicy, imagePolicySchema } from "../../../../core/policy/images/schema/image-policy-schema.ts";
import { operationsOf, type Pod, requestFor } from "../webhook.ts";

export const NOW_MS = Date.parse("2026-11-21T12:00:00Z");
export const DIGEST: Digest = `sha256:${"9f2c".repeat(16)}`;
export const IMAGE = `ghcr.io/acme/web:1.4.2@${DIGEST}`;
export const SIDECAR_IMAGE = `ghcr.io/outrider/sidecar@sha256:${"51de".repeat(16)}`;

/** What is asked of the webhook's own doors, over evidence that the case makes up. */
export interface Asked {
  readonly object: object;
  /** Of the policy's spec, over `SPEC`. */
  readonly policy?: object;
  readonly evidence?: Partial<ImageEvidence>;
  readonly rego?: RegoRunner;
  readonly door?: "validate" | "mutate";
  readonly running?: readonly Digest[];
  /** Of the namespace; `undefined` in a function when they are not known. */
  readonly labels?: () => Readonly<Record<string, string>> | undefined;
  readonly request?: object;
}

const authority = (name: string, role: SignerRole) => ({ name, role, key: keyOf(name) });

function keyOf(name: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${Buffer.from(name).toString("base64")}\n-----END PUBLIC KEY-----`;
}

/** A policy that the good image meets. */
const SPEC = {
  match: { images: ["ghcr.io/acme/*"] },
  authorities: [
    authority("acme-release", "release"),
    authority("acme-audit", "release"),
    authority("acme-builder", "builder"),
    authority("acme-scanner", "scanner"),
    authority("acme-lead", "approver"),
  ],
  signatures: { require: "any" },
};

const found = <T>(value: T) => ({ kind: "found", value }) as const;

export function signature(more: Partial<Signature> = {}): Verified<Signature> {
  const own = { signer: "acme-release", role: "release", form: "bundle-v0.3", digest: DIGEST, ...more };
  return own as Verified<Signature>;
}

export function attestation(signer: string, role: SignerRole, predicateType: string, more: Partial<Attestation> = {}) {
  return { signer, role, digest: DIGEST, predicateType, ...more } as Verified<Attestation>;
}

export function scan(more: Partial<ScanResult> = {}): Verified<ScanResult> {
  const own = {
    digest: DIGEST,
    source: "attestation by acme-scanner",
    finishedAtMs: NOW_MS - 2 * HOUR_MS,
    findings: [],
  };
  return { ...own, ...more } as unknown as Verified<ScanResult>;
}

function evidenceOf(reference: string, more: Partial<ImageEvidence> = {}): ImageEvidence {
  const own = { digest: found(DIGEST), signatures: found([signature()]), attestations: found([]), scan: found(scan()) };
  return { reference, name: "ghcr.io/acme/web", ...own, ...more };
}

const NO_REGO: RegoRunner = { run: () => Promise.reject(new Error("no rule asked for")) };
const METRICS = createMetrics(() => 0);

/** What the API server hands to whoever asked: the denial, or the warnings of an admission. */
export async function said(asked: Asked): Promise<string> {
  return textOf(await answer(asked));
}

/** A pod as /mutate makes it. */
export async function patchedBy(asked: Omit<Asked, "object"> & { readonly object: Pod }): Promise<Pod> {
  const object = structuredClone(asked.object);
  applyPatch(object, operationsOf(await answer({ ...asked, door: "mutate" })));
  return object;
}

export function textOf({ allowed, status, warnings = [] }: ReviewResponse): string {
  return allowed ? ["admitted, with a warning", ...warnings].join("\n") : (status?.message ?? "");
}

function answer({ object, policy, evidence, rego = NO_REGO, door = "validate", running = [], labels, request }: Asked) {
  const resolved = imagePolicySchema.parse({
    apiVersion: "outrider.dev/v1alpha1",
    kind: "ImagePolicy",
    metadata: { name: "production" },
    spec: { ...SPEC, ...policy },
  }) as ImagePolicy;
  const doors = createDoors({
    gate: {
      policies: () => [resolved],
      namespaceLabels: labels ?? (() => ({})),
      running: () => new Set(running),
      sources: { images: { collect: async ({ text }) => evidenceOf(text, evidence) }, rego },
      clock: () => NOW_MS,
      sidecarImage: SIDECAR_IMAGE,
      trustedImage: SIDECAR_IMAGE,
    },
    witnesses: {
      log: silentLog,
      metrics: METRICS,
      tracing: NO_TRACING,
      decisions: { append: async () => {} },
      events: { emit: () => {} },
    },
  });
  const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: requestFor(object, request) };
  return doors[door](parseReview(JSON.stringify(review)), AbortSignal.timeout(10_000));
}
