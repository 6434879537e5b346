import { asError } from "../base/errors.ts";
import type { Digest, ImageEvidence, Lookup, ScanResult, Verified } from "../policy/evidence.ts";
import type { Authority } from "../policy/images/schema/authority.ts";
import { waitFor } from "./cache/patience.ts";
import { createTagCache, type TagAnswer, type TagCache } from "./cache/tag-cache.ts";
import { trustIdOf } from "./cache/trust-id.ts";
import { createEvidenceCache, type EvidenceCache, type ImageFacts } from "./evidence-cache.ts";
import { absentEvidence, asEvidence, failedEvidence } from "./facts/as-evidence.ts";
import { gatherFacts } from "./facts/gather-facts.ts";
import { COLLECT_DEADLINE_MS } from "./limits.ts";
import { formatReference, formatRepository, type ImageReference, parseReference } from "./reference.ts";
import { failure } from "./registry/answer.ts";
import type { RegistryClient } from "./registry-client.ts";
import { verifyOwnScan } from "./verify.ts";
import { createTrustCache } from "./workers/trust-cache.ts";
import { createInThreadVerifier, type Verifier } from "./workers/verifier.ts";

export interface EvidenceDeps {
  readonly registry: RegistryClient;
  /** Without one, in this thread. */
  readonly verifier?: Verifier;
  /** Without one, every call looks again. */
  readonly cache?: EvidenceCache;
  readonly tags?: TagCache;
  /**
   * Whose credentials `registry` has, when they are not everybody's: what was found with them, or was not, is kept for
   * the same scope only.
   */
  readonly scope?: string;
  /** The scan store's newest result of a digest: ours, so believed without a signature. */
  readonly ownScan?: (digest: Digest, signal: AbortSignal) => Promise<ScanResult | undefined>;
}

/**
 * What can be known of one image: its digest by hashing what the registry sends, who signed it, how its scan went.
 *
 *   parse     the reference as written
 *   resolve   a tag to a digest, by the bytes received; a reference that names a digest asks nobody
 *   gather    everything attached to that digest, verified against these authorities (cached, shared, bounded)
 *   scan      the newest believed one, an attestation's or our own
 *
 * Never throws and never decides: what could not be found out is `failed`, what is not there is `absent`.
 *
 * @param authorities  of the policy this evidence will be judged by; evidence gathered for one is not another's
 * @param signal  the caller's deadline; the work goes on without him and its result is kept for whoever asks next
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
    const resolved = await resolve(image, deps, signal);
    if (resolved === undefined) return absentEvidence(image);
    const facts = await factsOf(image, resolved, authorities, deps, signal);
    if (facts.missing === true) return absentEvidence(image);
    return asEvidence(image, resolved.digest, facts, await lookUpOwnScan(image, resolved.digest, deps, signal));
  } catch (thrown) {
    return failedEvidence(text, asError(thrown));
  }
}

/** The digest wins over the tag: what is named by both is what the digest says. */
async function resolve(
  image: ImageReference,
  { registry, tags = createTagCache(), scope = "" }: EvidenceDeps,
  signal: AbortSignal,
): Promise<TagAnswer> {
  const { digest, tag = "latest" } = image;
  if (digest !== undefined) return { digest };
  const work = tags.resolve(scoped(formatReference({ ...image, tag }), scope), () =>
    registry.manifest(image, tag, ownDeadline()),
  );
  return waitFor(work, signal, () => late(image, "it did not say in time which digest the tag names", signal));
}

async function factsOf(
  image: ImageReference,
  { digest, manifest: known }: NonNullable<TagAnswer>,
  authorities: readonly Authority[],
  deps: EvidenceDeps,
  signal: AbortSignal,
): Promise<ImageFacts> {
  const { registry, cache = createEvidenceCache(), verifier = inThisThread, scope = "" } = deps;
  const gather = async (): Promise<ImageFacts> => {
    const gathering = { client: registry, repository: image, authorities, verifier, signal: ownDeadline() };
    const manifest = known ?? (await registry.manifest(image, digest, gathering.signal));
    return manifest === undefined ? NO_SUCH_IMAGE : gatherFacts(gathering, manifest);
  };
  trusts.of(authorities); // throws for what nothing could ever be verified by, before anybody is asked
  const key = scoped(`${formatRepository(image)}@${digest} ${trustIdOf(authorities)}`, scope);
  return cache.get(key, gather, signal, () => late(image, "its evidence was not gathered in time", signal));
}

function scoped(key: string, scope: string): string {
  return scope === "" ? key : `${key} ${scope}`;
}

const trusts = createTrustCache();
const inThisThread = createInThreadVerifier(trusts);

const NO_SUCH_IMAGE: ImageFacts = {
  signatures: [],
  attestations: [],
  scans: [],
  refusals: [],
  lacking: ["release"],
  failures: [],
  missing: true,
};

async function lookUpOwnScan(
  image: ImageReference,
  digest: Digest,
  { ownScan }: EvidenceDeps,
  signal: AbortSignal,
): Promise<Lookup<Verified<ScanResult>>> {
  if (ownScan === undefined) return { kind: "absent", why: "no scan is stored" };
  try {
    const slow = () => late(image, "our own scan of it was not read in time", signal);
    const scan = await waitFor(ownScan(digest, signal), signal, slow);
    const value = scan === undefined ? undefined : verifyOwnScan(scan, digest);
    return value === undefined ? { kind: "absent", why: "no scan is stored" } : { kind: "found", value };
  } catch (thrown) {
    return { kind: "failed", cause: asError(thrown) };
  }
}

/** Of work that others wait for too: no caller's. */
function ownDeadline(): AbortSignal {
  return AbortSignal.timeout(COLLECT_DEADLINE_MS);
}

/** Names the registry that is slow. The work goes on, so that a retry finds its result. */
function late(image: ImageReference, what: string, { reason }: AbortSignal): Error {
  return failure("REGISTRY_TIMEOUT", `${image.text}: ${image.registry} is slow: ${what}`, reason);
}
