import type { Attestation, Digest, ScanResult, Signature, Verified } from "../../policy/evidence.ts";

/**
 * What is verified of every child of an index that can run, said of the index: its digest binds theirs, so nothing is
 * vouched for here that was not vouched for there. Where children differ, the index has what is weakest.
 */

/** Signatures by signers who signed every child, as the same person and for the same repository. */
export function coverIndex(
  index: Digest,
  children: readonly (readonly Verified<Signature>[])[],
): readonly Verified<Signature>[] {
  return inEveryChild(children, sameSignature).map((same) => ({ ...asWeakest(same), digest: index }));
}

/** Attestations of one type by one authority, in the same person, about every child. */
export function coverIndexAttestations(
  index: Digest,
  children: readonly (readonly Verified<Attestation>[])[],
): readonly Verified<Attestation>[] {
  return inEveryChild(children, sameAttestation).map((same) => ({ ...sameBuild(same), digest: index }));
}

/** A scan of an index by way of its children's: every finding of each, and as old as the oldest. */
export function coverIndexScans(
  index: Digest,
  children: readonly (Verified<ScanResult> | undefined)[],
): Verified<ScanResult> | undefined {
  const scans = children.filter((scan) => scan !== undefined);
  const [first] = scans;
  if (first === undefined || scans.length < children.length) return undefined;
  const finishedAtMs = Math.min(...scans.map((scan) => scan.finishedAtMs));
  const databases = scans.flatMap(({ databaseAtMs }) => databaseAtMs ?? []);
  const database = databases.length === 0 ? {} : { databaseAtMs: Math.min(...databases) };
  const findings = scans.flatMap((scan) => scan.findings);
  return { ...first, ...database, digest: index, finishedAtMs, findings };
}

type AtLeastOne<T> = readonly [T, ...T[]];

/** What the first child has and every other one has the same of, with those others. */
function inEveryChild<T>(
  children: readonly (readonly T[])[],
  isSame: (one: T, other: T) => boolean,
): readonly AtLeastOne<T>[] {
  const [first = [], ...rest] = children;
  return first.flatMap((one) => {
    const others = rest.flatMap((child) => child.find((other) => isSame(one, other)) ?? []);
    return others.length === rest.length ? [[one, ...others] as const] : [];
  });
}

function sameSignature(one: Signature, other: Signature): boolean {
  return samePerson(one, other) && one.repository === other.repository;
}

function sameAttestation(one: Attestation, other: Attestation): boolean {
  return samePerson(one, other) && one.predicateType === other.predicateType;
}

/** An authority may be many people, and quorums count people: who signed one child has not signed the other. */
function samePerson(one: Signature | Attestation, other: Signature | Attestation): boolean {
  return one.signer === other.signer && one.role === other.role && one.identity === other.identity;
}

/** Builder and commit only where they are every child's. */
function sameBuild(all: AtLeastOne<Verified<Attestation>>): Verified<Attestation> {
  const { builder, sourceCommit, ...rest } = asWeakest(all);
  const shared = <T extends "builder" | "sourceCommit">(name: T, value: string | undefined) =>
    value !== undefined && all.every((one) => one[name] === value) ? { [name]: value } : {};
  return { ...rest, ...shared("builder", builder), ...shared("sourceCommit", sourceCommit) } as Verified<Attestation>;
}

interface Timed {
  readonly signedAtMs?: number;
  readonly validUntilMs?: number;
}

/** The first: as old as the oldest, and for as long as the shortest. What one has no time for is not vouched for. */
function asWeakest<T extends Timed>(all: AtLeastOne<T>): T {
  const { signedAtMs: _signed, validUntilMs: _until, ...rest } = all[0];
  const times = all.flatMap(({ signedAtMs }) => signedAtMs ?? []);
  const ends = all.flatMap(({ validUntilMs }) => validUntilMs ?? []);
  return {
    ...rest,
    ...(times.length === all.length ? { signedAtMs: Math.min(...times) } : {}),
    ...(ends.length === 0 ? {} : { validUntilMs: Math.min(...ends) }),
  } as T;
}
