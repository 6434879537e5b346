import { asError, CodedError } from "../base/errors.ts";
import type { Digest, Discovered } from "../policy/evidence.ts";
import type { Artifact, ReceivedAs } from "./claims/artifact.ts";
import { artifactOf, dedupe, type EvidenceLayer, evidenceLayers, type Note, withinBudget } from "./discovery/layers.ts";
import { ARTIFACTS_PER_IMAGE, ATTACHED_LIMIT_BYTES, REQUESTS_PER_IMAGE } from "./limits.ts";
import type { Descriptor, Manifest } from "./manifest.ts";
import { DOCKER_MANIFEST, OCI_MANIFEST } from "./media-types.ts";
import type { Repository } from "./reference.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Everything found attached to one digest, believed or not, and what kept us from finding more. */
export interface Discovery {
  readonly artifacts: readonly Discovered<Artifact>[];
  /** Why something that is there was not read: a cap, a wrong subject, bytes that are gone. */
  readonly notes: readonly string[];
  /** Look-ups that ended without an answer; with none of these, what was not found is not there. */
  readonly failures: readonly Error[];
}

interface Target {
  readonly client: RegistryClient;
  readonly repository: Repository;
  readonly digest: Digest;
  /** How the manifest of that digest was received, where it is known. */
  readonly received?: ReceivedAs;
  /** Waits until so many bytes may be read. */
  readonly reserve?: (bytes: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Looks in every place where signatures and attestations of a digest are kept: the referrers API or, where a registry
 * has none or lists none, its fallback tag; and cosign's `.sig`, `.att` and `.sbom` tags.
 *
 * @see distribution-spec "Unavailable Referrers API"; sigstore/cosign specs/SIGNATURE_SPEC.md "Discovery"
 */
export async function discoverArtifacts(target: Target): Promise<Discovery> {
  const log: Log = { notes: [], failures: [] };
  const tag = target.digest.replace(":", "-");
  const [referred, signed, attested] = await Promise.all([
    tolerate(log, [], () => referrerLayers(target, log)),
    tolerate(log, [], () => tagLayers(target, `${tag}.sig`, log)),
    tolerate(log, [], () => tagLayers(target, `${tag}.att`, log)),
  ]);
  const layers = withinBudget(dedupe([...referred, ...signed, ...attested]), noteIn(log));
  const attests = layers.some(({ kind }) => kind === "envelope" || kind === "bundle");
  const [artifacts] = await Promise.all([
    tolerate(log, [], () => readLayers(target, layers, log)),
    attests ? undefined : noteSbom(target, `${tag}.sbom`, log),
  ]);
  return { artifacts, ...log };
}

/**
 * An SBOM as cosign attached it before attestations is nobody's word, so it is no evidence and its look-up no failure.
 * It is told because its owner may well believe that it counts.
 * @see sigstore/cosign specs/SBOM_SPEC.md
 */
async function noteSbom({ client, repository, signal }: Target, tag: string, log: Log): Promise<void> {
  const manifest = await client.attached(repository, tag, signal).catch(() => undefined);
  if (manifest !== undefined) log.notes.push("an SBOM under the .sbom tag, which nobody signed");
}

interface Log {
  readonly notes: string[];
  readonly failures: Error[];
}

function noteIn(log: Log): Note {
  return (why) => log.notes.push(why);
}

async function referrerLayers(target: Target, log: Log): Promise<EvidenceLayer[]> {
  const descriptors = await referrerDescriptors(target, log);
  let leftBytes = ATTACHED_LIMIT_BYTES;
  const layers = await mapBounded(descriptors.filter(holdsLayers), (descriptor) =>
    tolerate(log, [], async () => {
      if (leftBytes <= 0) return [];
      const manifest = await readReferrer(target, descriptor, log);
      leftBytes -= manifest?.size ?? 0;
      return manifest === undefined ? [] : layersOf(manifest, target, log);
    }),
  );
  if (leftBytes <= 0) log.notes.push(`more than ${ATTACHED_LIMIT_BYTES} bytes of referrers, the rest not read`);
  return layers.flat();
}

function layersOf(manifest: Manifest, { digest }: Target, log: Log): EvidenceLayer[] {
  if (manifest.kind !== "image") return [];
  if (manifest.content.subject?.digest === digest) return evidenceLayers(manifest.content, noteIn(log));
  log.notes.push("a referrer whose subject is another image");
  return [];
}

/** What these very bytes are: anybody may attach such a thing, and it must not keep the rest from being found out. */
const UNREADABLE: readonly string[] = ["REGISTRY_MALFORMED", "REGISTRY_SCHEMA_1", "REGISTRY_AMBIGUOUS_INDEX"];

async function readReferrer(target: Target, { digest }: Descriptor, log: Log): Promise<Manifest | undefined> {
  try {
    return await target.client.attached(target.repository, digest, target.signal);
  } catch (thrown) {
    if (!(thrown instanceof CodedError) || !UNREADABLE.includes(thrown.code)) throw thrown;
    log.notes.push("a referrer that cannot be read");
    return undefined;
  }
}

async function referrerDescriptors(target: Target, log: Log): Promise<readonly Descriptor[]> {
  const listing = await target.client.referrers(target.repository, target.digest, target.signal);
  const { descriptors, truncated, unreadable, insteadOf } = listing;
  if (insteadOf !== undefined) log.failures.push(insteadOf);
  if (unreadable === true) log.notes.push("a referrer whose entry in the list cannot be read");
  if (truncated) log.notes.push(`more than ${ARTIFACTS_PER_IMAGE} referrers, the rest not read`);
  return descriptors;
}

function holdsLayers({ mediaType }: Descriptor): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

async function tagLayers(target: Target, tag: string, log: Log): Promise<EvidenceLayer[]> {
  const manifest: Manifest | undefined = await target.client.attached(target.repository, tag, target.signal);
  if (manifest?.insteadOf !== undefined) log.failures.push(manifest.insteadOf);
  return manifest?.kind === "image" ? evidenceLayers(manifest.content, noteIn(log)) : [];
}

async function readLayers(target: Target, layers: readonly EvidenceLayer[], log: Log): Promise<Discovered<Artifact>[]> {
  await target.reserve?.(layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0));
  const read = await mapBounded(layers, (layer) =>
    tolerate(log, undefined, async () => {
      const { descriptor } = layer;
      const bytes = await target.client.blob(target.repository, descriptor, descriptor.size, target.signal);
      if (bytes === undefined) {
        log.notes.push("an artifact whose bytes are gone");
        return undefined;
      }
      return artifactOf(layer, bytes, target.received);
    }),
  );
  return read.filter((artifact) => artifact !== undefined);
}

/** One look-up's failure must not hide the others' evidence, nor be forgotten. */
async function tolerate<T>(log: Log, otherwise: T, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (thrown) {
    log.failures.push(asError(thrown));
    return otherwise;
  }
}

async function mapBounded<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(REQUESTS_PER_IMAGE, items.length) }, worker));
  return results;
}
