import { asError } from "../base/errors.ts";
import type { Digest, ImageEvidence, Lookup, ScanResult, Verified } from "../policy/evidence.ts";
import type { Authority } from "../policy/images/authority.ts";
import { digestOf } from "./digest.ts";
import { createEvidenceCache, type EvidenceCache, type ImageFacts } from "./evidence-cache.ts";
import { gatherFacts } from "./facts.ts";

import { COLLECT_DEADLINE_MS } from "./limits.ts";
import type { Manifest } from "./manifest.ts";
import { formatRepository, type ImageReference, parseReference } from "./reference.ts";
import { failure } from "./registry/http.ts";
import type { RegistryClient } from "./registry-client.ts";
import { parseTrust } from "./trust.ts";
import { verifyOwnScan } from "./verify.ts";

export interface EvidenceDeps {
  readonly registry: RegistryClient;
  /** Without one, every call looks again. */
  readonly cache?: EvidenceCache;
  /** The scan store's newest result of a digest: ours, so believed without a signature. */
  readonly ownScan?: (digest: Digest, signal: AbortSignal) => Promise<ScanResult | undefined>;
}

/**
 * What can be known of one image: its digest by hashing what the registry sends, who signed it, how its scan went.
 *
 *   parse     the reference as written
 *   resolve   to a digest, by the bytes received
 *   gather    everything attached to that digest, verified against these authorities (cached, shared, bounded)
 *   scan      the newest believed one, an attestation's or our own
 *
 * Never throws and never decides: what could not be found out is `failed`, what is not there is `absent`.
 *
 * @param authorities  of the policy this evidence will be judged by; evidence gathered for one is not another's
 * @param signal  the caller's deadline; the gathering goes on without him and its result is kept
 */
export async function collectImageEvidence(
  reference: string | ImageReference,
  authorities: readonly Authority[],
  deps: EvidenceDeps,
  signal: AbortSignal,
): Promise<ImageEvidence> {
  const text = typeof reference === "string" ? reference : reference.text;
  try {
    const image = typeof reference === "string" ? parseReference(reference) : reference;
    const manifest = await resolve(image, deps.registry, signal);
    if (manifest === undefined) return absentEvidence(image);
    const facts = await raced(signal, image, factsOf(image, manifest, authorities, deps));
    const own = await lookUpOwnScan(manifest.digest, deps, signal);
    return evidenceOf(image, manifest.digest, facts, own);
  } catch (thrown) {
    const failed = { kind: "failed", cause: asError(thrown) } as const;
    return { reference: text, digest: failed, signatures: failed, scan: failed };
  }
}

/** The digest wins over the tag: what is named by both is what the digest says. */
async function resolve(
  image: ImageReference,
  registry: RegistryClient,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  return registry.manifest(image, image.digest ?? image.tag ?? "latest", signal);
}

async function factsOf(
  image: ImageReference,
  manifest: Manifest,
  authorities: readonly Authority[],
  { registry, cache = createEvidenceCache() }: EvidenceDeps,
): Promise<ImageFacts> {
  const trust = digestOf(JSON.stringify(authorities));
  return cache.get(`${formatRepository(image)}@${manifest.digest} ${trust}`, () => {
    const signal = AbortSignal.timeout(COLLECT_DEADLINE_MS);
    return gatherFacts({ client: registry, repository: image, trust: parseTrust(authorities), signal }, manifest);
  });
}

async function lookUpOwnScan(
  digest: Digest,
  { ownScan }: EvidenceDeps,
  signal: AbortSignal,
): Promise<Lookup<Verified<ScanResult>>> {
  try {
    const scan = await ownScan?.(digest, signal);
    const value = scan === undefined ? undefined : verifyOwnScan(scan, digest);
    return value === undefined ? { kind: "absent", why: "no scan is stored" } : { kind: "found", value };
  } catch (thrown) {
    return { kind: "failed", cause: asError(thrown) };
  }
}

function evidenceOf(
  image: ImageReference,
  digest: Digest,
  facts: ImageFacts,
  own: Lookup<Verified<ScanResult>>,
): ImageEvidence {
  const signed = facts.refusals.filter(({ seen }) => seen === "signature").length;
  return {
    reference: image.text,
    name: formatRepository(image),
    digest: { kind: "found", value: digest },
    signatures: lookup(facts.signatures, facts, "signature"),
    scan: newestScan(facts, own),
    seen: { signatures: facts.signatures.length + signed },
  };
}

function lookup<T>(values: readonly T[], facts: ImageFacts, noun: "signature" | "scan"): Lookup<readonly T[]> {
  if (values.length > 0) return { kind: "found", value: values };
  const [cause] = facts.failures;
  return cause === undefined ? { kind: "absent", why: whyAbsent(facts, noun) } : { kind: "failed", cause };
}

function newestScan(facts: ImageFacts, own: Lookup<Verified<ScanResult>>): Lookup<Verified<ScanResult>> {
  const attested = lookup(facts.scans, facts, "scan");
  const known = [...(attested.kind === "found" ? attested.value : []), ...(own.kind === "found" ? [own.value] : [])];
  const [newest] = known.toSorted((a, b) => b.finishedAtMs - a.finishedAtMs);
  if (newest !== undefined) return { kind: "found", value: newest };
  return own.kind === "failed" || attested.kind === "found" ? (own as Lookup<never>) : attested;
}

/** Names at most so many things seen, so that a flood does not fill the denial. */
const SEEN_NAMED = 4;

function whyAbsent(facts: ImageFacts, noun: "signature" | "scan"): string {
  const relevant =
    noun === "signature" ? [...facts.scans.map(describeScan), ...facts.refusals] : facts.refusals.filter(notSignature);
  const reasons = [...new Set(relevant.map(({ why }) => why))];
  if (reasons.length === 0) return `no ${noun}`;
  const more = reasons.length > SEEN_NAMED ? ` and ${reasons.length - SEEN_NAMED} more` : "";
  const none = noun === "signature" && facts.refusals.some(({ seen }) => seen === "signature") ? "" : `, no ${noun}`;
  return `${reasons.slice(0, SEEN_NAMED).join("; ")}${more}${none}`;
}

function describeScan(scan: ScanResult): { why: string } {
  return { why: scan.source.replace(/^attestation by/, "an attestation of type vuln by") };
}

function notSignature({ seen }: ImageFacts["refusals"][number]): boolean {
  return seen !== "signature";
}

function absentEvidence(image: ImageReference): ImageEvidence {
  const absent = { kind: "absent", why: "the registry has no such image" } as const;
  return { reference: image.text, digest: absent, signatures: absent, scan: absent };
}

/** The caller's deadline on shared work: he stops waiting, the work does not stop. */
async function raced<T>(signal: AbortSignal, image: ImageReference, work: Promise<T>): Promise<T> {
  const late = () => failure("REGISTRY_TIMEOUT", `${image.text}: evidence not gathered in time`, signal.reason);
  if (signal.aborted) {
    work.catch(() => {});
    throw late();
  }
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(late());
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
