import { asError } from "../base/errors.ts";
import type { Digest, Discovered } from "../policy/evidence.ts";
import type { Artifact } from "./claims/artifact.ts";
import {
  ARTIFACTS_PER_IMAGE,
  ATTESTATION_LIMIT_BYTES,
  EVIDENCE_LIMIT_BYTES,
  LAYERS_PER_ARTIFACT,
  REQUESTS_PER_IMAGE,
  SIGNATURE_LIMIT_BYTES,
} from "./limits.ts";
import type { Descriptor, ImageManifest, Manifest } from "./manifest.ts";
import {
  COSIGN_SIGNATURE_ANNOTATION,
  COSIGN_SIMPLE_SIGNING,
  DOCKER_MANIFEST,
  DSSE_ENVELOPE,
  OCI_MANIFEST,
  SIGSTORE_BUNDLE_ANY,
} from "./media-types.ts";
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
  readonly signal: AbortSignal;
}

interface Layer {
  readonly descriptor: Descriptor;
  readonly kind: Artifact["kind"];
}

/**
 * Looks in every place where signatures and attestations of a digest are kept: the referrers API or, where a registry
 * has none, its fallback tag; and cosign's `.sig` and `.att` tags.
 *
 * @see distribution-spec "Unavailable Referrers API"; sigstore/cosign specs/SIGNATURE_SPEC.md "Discovery"
 */
export async function discoverArtifacts(target: Target): Promise<Discovery> {
  const log: Log = { notes: [], failures: [] };
  const tag = target.digest.replace(":", "-");
  const [referred, signed, attested] = await Promise.all([
    tolerate(log, [], () => referrerLayers(target, tag, log)),
    tolerate(log, [], () => tagLayers(target, `${tag}.sig`, log)),
    tolerate(log, [], () => tagLayers(target, `${tag}.att`, log)),
  ]);
  const layers = dedupe([...referred, ...signed, ...attested]);
  return { artifacts: await readLayers(target, withinBudget(layers, log), log), ...log };
}

interface Log {
  readonly notes: string[];
  readonly failures: Error[];
}

async function referrerLayers(target: Target, fallbackTag: string, log: Log): Promise<Layer[]> {
  const descriptors = await referrerDescriptors(target, fallbackTag, log);
  const manifests = await mapBounded(descriptors.filter(holdsLayers), (descriptor) =>
    tolerate(log, undefined, () => target.client.manifest(target.repository, descriptor.digest, target.signal)),
  );
  return manifests.flatMap((manifest) => {
    if (manifest?.kind !== "image") return [];
    if (manifest.content.subject?.digest === target.digest) return layersOf(manifest.content, log);
    log.notes.push("a referrer whose subject is another image");
    return [];
  });
}

async function referrerDescriptors(target: Target, fallbackTag: string, log: Log): Promise<readonly Descriptor[]> {
  const listed = await target.client.referrers(target.repository, target.digest, target.signal);
  if (listed?.truncated === true) log.notes.push(`more than ${ARTIFACTS_PER_IMAGE} referrers, the rest not read`);
  if (listed !== undefined) return listed.descriptors;
  const index = await target.client.manifest(target.repository, fallbackTag, target.signal);
  if (index?.kind !== "index") return [];
  const { manifests } = index.content;
  if (manifests.length > ARTIFACTS_PER_IMAGE)
    log.notes.push(`more than ${ARTIFACTS_PER_IMAGE} referrers, the rest not read`);
  return manifests.slice(0, ARTIFACTS_PER_IMAGE);
}

function holdsLayers({ mediaType }: Descriptor): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

async function tagLayers(target: Target, tag: string, log: Log): Promise<Layer[]> {
  const manifest: Manifest | undefined = await target.client.manifest(target.repository, tag, target.signal);
  return manifest?.kind === "image" ? layersOf(manifest.content, log) : [];
}

/** The layers that may hold evidence, by their own media type: an `artifactType` is only what the pusher called it. */
function layersOf({ layers }: ImageManifest, log: Log): Layer[] {
  if (layers.length > LAYERS_PER_ARTIFACT)
    log.notes.push(`more than ${LAYERS_PER_ARTIFACT} layers in one artifact, the rest not read`);
  return layers.slice(0, LAYERS_PER_ARTIFACT).flatMap((descriptor) => {
    const kind = kindOf(descriptor.mediaType);
    return kind === undefined ? [] : [{ descriptor, kind }];
  });
}

function kindOf(mediaType: string): Artifact["kind"] | undefined {
  if (mediaType === COSIGN_SIMPLE_SIGNING) return "simple";
  if (mediaType === DSSE_ENVELOPE) return "envelope";
  return SIGSTORE_BUNDLE_ANY.test(mediaType) ? "bundle" : undefined;
}

function dedupe(layers: readonly Layer[]): Layer[] {
  const key = ({ descriptor, kind }: Layer) =>
    `${kind} ${descriptor.digest} ${descriptor.annotations?.[COSIGN_SIGNATURE_ANNOTATION] ?? ""}`;
  return [...new Map(layers.map((layer) => [key(layer), layer])).values()];
}

/** Drops what is over a size limit, saying so; sizes are the descriptors', and the client holds the registry to them. */
function withinBudget(layers: readonly Layer[], log: Log): Layer[] {
  let left = EVIDENCE_LIMIT_BYTES;
  if (layers.length > ARTIFACTS_PER_IMAGE)
    log.notes.push(`more than ${ARTIFACTS_PER_IMAGE} signatures and attestations, the rest not read`);
  return layers.slice(0, ARTIFACTS_PER_IMAGE).filter(({ descriptor, kind }) => {
    const limit = kind === "simple" ? SIGNATURE_LIMIT_BYTES : ATTESTATION_LIMIT_BYTES;
    const fits = descriptor.size <= limit && descriptor.size <= left;
    if (fits) left -= descriptor.size;
    else log.notes.push(`an artifact of ${descriptor.size} bytes, too large to be read`);
    return fits;
  });
}

async function readLayers(target: Target, layers: readonly Layer[], log: Log): Promise<Discovered<Artifact>[]> {
  const read = await mapBounded(layers, ({ descriptor, kind }) =>
    tolerate(log, undefined, async () => {
      const bytes = await target.client.blob(target.repository, descriptor, descriptor.size, target.signal);
      if (bytes === undefined) {
        log.notes.push("an artifact whose bytes are gone");
        return undefined;
      }
      return (
        kind === "simple"
          ? { kind, bytes, signature: descriptor.annotations?.[COSIGN_SIGNATURE_ANNOTATION] ?? "" }
          : { kind, bytes }
      ) as Discovered<Artifact>;
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
