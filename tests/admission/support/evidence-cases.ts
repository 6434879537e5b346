import fc from "fast-check";
import { DAY_MS, HOUR_MS } from "../../../core/base/clock.ts";
import type {
  Attestation,
  Digest,
  ImageEvidence,
  Lookup,
  ScanResult,
  Signature,
  SignerRole,
} from "../../../core/policy/evidence.ts";
import { wantedOf } from "../../../core/policy/images/quorum.ts";
import {
  APPROVAL_PREDICATE,
  type ImagePolicy,
  imagePolicySchema,
} from "../../../core/policy/images/schema/image-policy-schema.ts";

export const NOW_MS = Date.parse("2026-11-21T12:00:00Z");
const MAX_AGE_MS = 7 * DAY_MS;

type Threshold = "all" | "any" | { readonly atLeast: number };

/** Something that so many of these authorities must have stated. */
interface Demand {
  readonly signers: readonly string[];
  readonly role: SignerRole;
  /** A predicate type; absent for signatures. */
  readonly predicateType?: string;
  readonly require: Threshold;
  readonly aged: boolean;
}

/** A policy by its demands, and the images that are to meet it. */
export interface Case {
  readonly images: readonly Digest[];
  readonly signatures: Demand;
  readonly attestations: readonly Demand[];
  readonly approvals: Demand | undefined;
  readonly scan: boolean;
}

/** One piece of evidence about one image, or the failure to look a kind of it up. */
export type Item =
  | { readonly kind: "digest"; readonly digest: Digest }
  | { readonly kind: "signature"; readonly digest: Digest; readonly value: Signature }
  | { readonly kind: "attestation"; readonly digest: Digest; readonly value: Attestation }
  | { readonly kind: "scan"; readonly digest: Digest; readonly value: ScanResult }
  | { readonly kind: "failure"; readonly digest: Digest; readonly of: Exclude<Item["kind"], "failure"> };

const digestOf = (byte: number): Digest => `sha256:${byte.toString(16).padStart(2, "0").repeat(32)}`;
const ELSEWHERE = digestOf(255);

const demand = (role: SignerRole, predicateType?: string): fc.Arbitrary<Demand> =>
  fc.integer({ min: 1, max: 3 }).chain((count) =>
    fc.record({
      signers: fc.constant(Array.from({ length: count }, (_, index) => `${role}-${index + 1}`)),
      role: fc.constant(role),
      require: fc.oneof(
        fc.constantFrom("all" as const, "any" as const),
        fc.integer({ min: 1, max: count }).map((atLeast) => ({ atLeast })),
      ),
      aged: fc.boolean(),
      ...(predicateType === undefined ? {} : { predicateType: fc.constant(predicateType) }),
    }),
  );

const PREDICATES = ["https://slsa.dev/provenance/v1", "https://spdx.dev/Document", "https://example.com/review/v1"];

/** Policies of every shape over images that each need every piece of their evidence. */
export const CASE: fc.Arbitrary<Case> = fc.record({
  images: fc.uniqueArray(fc.integer({ min: 1, max: 200 }).map(digestOf), { minLength: 1, maxLength: 3 }),
  signatures: demand("release"),
  attestations: fc.subarray(PREDICATES).chain((types) => fc.tuple(...types.map((type) => demand("builder", type)))),
  approvals: fc.option(demand("approver", APPROVAL_PREDICATE), { nil: undefined }),
  scan: fc.boolean(),
});

const NAMES = ["release", "builder", "approver"] as const;
const age = ({ aged }: Demand) => (aged ? { maxAge: "7d" } : {});

export function policyOf({ signatures, attestations, approvals, scan }: Case): ImagePolicy {
  const signers = (role: SignerRole) =>
    role === "release" ? signatures.signers : role === "approver" ? (approvals?.signers ?? []) : names(attestations);
  const authorities = NAMES.flatMap((role) => signers(role).map((name) => ({ name, role, key: keyOf(name) })));
  return imagePolicySchema.parse({
    apiVersion: "outrider.dev/v1alpha1",
    kind: "ImagePolicy",
    metadata: { name: "production" },
    spec: {
      match: { images: ["ghcr.io/acme/*"] },
      authorities: [...authorities, { name: "scanner", role: "scanner", key: keyOf("scanner") }],
      signatures: { require: signatures.require, ...age(signatures) },
      attestations: attestations.map((one) => ({
        predicateType: one.predicateType,
        by: one.signers,
        require: one.require,
        ...age(one),
      })),
      ...(approvals === undefined ? {} : { approvals: { require: approvals.require, ...age(approvals) } }),
      ...(scan ? { scan: { maxAge: "7d", refuse: ["critical"] } } : {}),
    },
  }) as ImagePolicy;
}

function names(demands: readonly Demand[]): string[] {
  return [...new Set(demands.flatMap(({ signers }) => signers))];
}

function keyOf(name: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${Buffer.from(name).toString("base64")}\n-----END PUBLIC KEY-----`;
}

export function referenceOf(digest: Digest): string {
  return `ghcr.io/acme/web@${digest}`;
}

/** Exactly what the policy asks for: as many statements as each threshold wants, and no more. */
export function allItems(one: Case): Item[] {
  return one.images.flatMap((digest) => [
    { kind: "digest" as const, digest },
    ...chosen(one.signatures).map((signer) => signatureItem(signer, digest)),
    ...[...one.attestations, ...(one.approvals === undefined ? [] : [one.approvals])].flatMap((wanted) =>
      chosen(wanted).map((signer) => attestationItem(wanted, signer, digest)),
    ),
    ...(one.scan ? [scanItem(digest)] : []),
  ]);
}

function chosen({ signers, require }: Demand): readonly string[] {
  return signers.slice(-wantedOf(require, signers.length));
}

function signatureItem(signer: string, digest: Digest): Item {
  const value = {
    signer,
    role: "release" as const,
    form: "bundle-v0.3" as const,
    digest,
    signedAtMs: NOW_MS - HOUR_MS,
  };
  return { kind: "signature", digest, value };
}

function attestationItem({ role, predicateType = "" }: Demand, signer: string, digest: Digest): Item {
  return { kind: "attestation", digest, value: { signer, role, digest, predicateType, signedAtMs: NOW_MS - HOUR_MS } };
}

function scanItem(digest: Digest): Item {
  const value = { digest, source: "attestation by scanner", finishedAtMs: NOW_MS - HOUR_MS, findings: [] };
  return { kind: "scan", digest, value };
}

/** Ways in which an item no longer says what the policy asks for. */
export type Spoil = "digest" | "signer" | "role" | "old" | "undated" | "ended" | "findings";

/** The ways that matter to the policy: an age only where one is asked for. */
export function spoils(one: Case, item: Item): readonly Spoil[] {
  switch (item.kind) {
    case "digest":
    case "failure":
      return [];
    case "scan":
      return ["digest", "old", "findings"];
    case "signature":
    case "attestation": {
      const demands = [one.signatures, ...one.attestations, ...(one.approvals === undefined ? [] : [one.approvals])];
      const type = "predicateType" in item.value ? item.value.predicateType : undefined;
      const aged = demands.some((wanted) => wanted.aged && wanted.predicateType === type);
      return ["digest", "signer", "role", "ended", ...(aged ? (["old", "undated"] as const) : [])];
    }
  }
}

export function spoilt(item: Item, how: Spoil): Item {
  if (item.kind === "digest" || item.kind === "failure") return item;
  if (item.kind === "scan") return { ...item, value: { ...item.value, ...spoiltScan(item.value, how) } };
  const { signedAtMs, ...undated } = item.value;
  if (how === "undated") return { ...item, value: undated } as Item;
  const changes: Partial<Record<Spoil, object>> = {
    digest: { digest: ELSEWHERE },
    signer: { signer: "stranger" },
    role: { role: "scanner" },
    old: { signedAtMs: NOW_MS - MAX_AGE_MS - HOUR_MS },
    ended: { validUntilMs: NOW_MS },
  };
  return { ...item, value: { ...undated, signedAtMs, ...changes[how] } } as Item;
}

function spoiltScan(scan: ScanResult, how: Spoil): Partial<ScanResult> {
  if (how === "digest") return { digest: ELSEWHERE };
  if (how === "old") return { finishedAtMs: scan.finishedAtMs - MAX_AGE_MS };
  return { findings: [{ id: "CVE-2021-44228", severity: "critical", package: "pkg:maven/log4j-core@2.14.1" }] };
}

/** What a source would say of an image that has just these items. */
export function evidenceFrom(reference: string, items: readonly Item[]): ImageEvidence {
  const own = items.filter(({ digest }) => reference.endsWith(digest));
  const looked = <T>(kind: Exclude<Item["kind"], "failure">, value: T | undefined): Lookup<T> => {
    const failed = own.some((item) => item.kind === "failure" && item.of === kind);
    if (failed) return { kind: "failed", cause: new Error("not reached") };
    return value === undefined ? { kind: "absent", why: `no ${kind}` } : { kind: "found", value };
  };
  const values = <K extends "signature" | "attestation">(kind: K) => {
    const all = own.flatMap((item) => (item.kind === kind ? [item.value] : []));
    return all.length === 0 ? undefined : all;
  };
  return {
    reference,
    name: "ghcr.io/acme/web",
    digest: looked("digest", own.find(({ kind }) => kind === "digest")?.digest),
    signatures: looked("signature", values("signature")),
    attestations: looked("attestation", values("attestation")),
    scan: looked("scan", own.flatMap((item) => (item.kind === "scan" ? [item.value] : []))[0]),
  } as ImageEvidence;
}
