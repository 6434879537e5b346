import type { Discovered } from "../../policy/evidence.ts";
import {
  type Artifact,
  type Material,
  NOTARY_ENVELOPE_TYPES,
  type NotaryEnvelopeType,
  type ReceivedAs,
} from "../claims/artifact.ts";
import {
  ARTIFACTS_PER_IMAGE,
  ATTESTATION_LIMIT_BYTES,
  EVIDENCE_LIMIT_BYTES,
  LAYERS_PER_ARTIFACT,
  SIGNATURE_LIMIT_BYTES,
} from "../limits.ts";
import type { Descriptor, ImageManifest } from "../manifest.ts";
import {
  COSIGN_CERTIFICATE_ANNOTATION,
  COSIGN_CHAIN_ANNOTATION,
  COSIGN_REKOR_ANNOTATION,
  COSIGN_SIGNATURE_ANNOTATION,
  COSIGN_SIMPLE_SIGNING,
  COSIGN_TIMESTAMP_ANNOTATION,
  DSSE_ENVELOPE,
  NOTARY_SIGNATURE,
  SIGSTORE_BUNDLE_ANY,
} from "../media-types.ts";

/** A layer of an attached manifest that may hold evidence, not read yet. */
export interface EvidenceLayer {
  readonly descriptor: Descriptor;
  readonly kind: Artifact["kind"];
}

/** Tells why something that is there is not read; it ends up in the denial. */
export type Note = (why: string) => void;

/**
 * The layers that may hold evidence, by their own media types and the manifest's own: the `artifactType` of a listing is
 * only what somebody called it.
 */
export function evidenceLayers(manifest: ImageManifest, note: Note): EvidenceLayer[] {
  const { layers } = manifest;
  if (layers.length > LAYERS_PER_ARTIFACT)
    note(`more than ${LAYERS_PER_ARTIFACT} layers in one artifact, the rest not read`);
  return layers.slice(0, LAYERS_PER_ARTIFACT).flatMap((descriptor) => {
    const kind = kindOf(descriptor.mediaType, manifest);
    return kind === undefined ? [] : [{ descriptor, kind }];
  });
}

function kindOf(mediaType: string, manifest: ImageManifest): Artifact["kind"] | undefined {
  if (mediaType === COSIGN_SIMPLE_SIGNING) return "simple";
  if (mediaType === DSSE_ENVELOPE) return "envelope";
  if (isNotaryEnvelope(mediaType)) return isNotarySignature(manifest) ? "notary" : undefined;
  return SIGSTORE_BUNDLE_ANY.test(mediaType) ? "bundle" : undefined;
}

/** @see notaryproject/specifications specs/signature-specification.md, "OCI Signatures": the config's type says it */
function isNotarySignature({ artifactType, config }: ImageManifest): boolean {
  return artifactType === NOTARY_SIGNATURE || config.mediaType === NOTARY_SIGNATURE;
}

function isNotaryEnvelope(mediaType: string): mediaType is NotaryEnvelopeType {
  return (NOTARY_ENVELOPE_TYPES as readonly string[]).includes(mediaType);
}

/** One layer listed in two places is read once; one payload with two signatures is two. */
export function dedupe(layers: readonly EvidenceLayer[]): EvidenceLayer[] {
  const key = ({ descriptor, kind }: EvidenceLayer) =>
    JSON.stringify([kind, descriptor.digest, signatureOf(descriptor), materialOf(descriptor)]);
  return [...new Map(layers.map((layer) => [key(layer), layer])).values()];
}

/** Drops what is over a size limit, saying so; sizes are the descriptors', and the client holds the registry to them. */
export function withinBudget(layers: readonly EvidenceLayer[], note: Note): EvidenceLayer[] {
  let left = EVIDENCE_LIMIT_BYTES;
  if (layers.length > ARTIFACTS_PER_IMAGE)
    note(`more than ${ARTIFACTS_PER_IMAGE} signatures and attestations, the rest not read`);
  return layers.slice(0, ARTIFACTS_PER_IMAGE).filter(({ descriptor, kind }) => {
    const limit = kind === "simple" || kind === "notary" ? SIGNATURE_LIMIT_BYTES : ATTESTATION_LIMIT_BYTES;
    const fits = descriptor.size <= limit && descriptor.size <= left;
    if (fits) left -= descriptor.size;
    else note(`an artifact of ${descriptor.size} bytes, too large to be read`);
    return fits;
  });
}

/** The artifact of a layer whose bytes were read: everything a verifier needs, and none of it believed. */
export function artifactOf(layer: EvidenceLayer, bytes: Uint8Array, target?: ReceivedAs): Discovered<Artifact> {
  return plainArtifact(layer, bytes, target) as Discovered<Artifact>;
}

function plainArtifact({ kind, descriptor }: EvidenceLayer, bytes: Uint8Array, target?: ReceivedAs): Artifact {
  switch (kind) {
    case "simple":
      return { kind, bytes, signature: signatureOf(descriptor), ...materialOf(descriptor) };
    case "envelope":
      return { kind, bytes, ...materialOf(descriptor) };
    case "bundle":
      return { kind, bytes };
    case "notary":
      return { kind, bytes, mediaType: descriptor.mediaType as NotaryEnvelopeType, ...receivedAs(target) };
  }
}

/** Only the two: what else a caller's manifest holds is not for a worker thread. */
function receivedAs(target: ReceivedAs | undefined): { readonly target?: ReceivedAs } {
  return target === undefined ? {} : { target: { mediaType: target.mediaType, size: target.size } };
}

function signatureOf({ annotations }: Descriptor): string {
  return annotations?.[COSIGN_SIGNATURE_ANNOTATION] ?? "";
}

const MATERIAL: readonly (readonly [keyof Material, annotation: string])[] = [
  ["certificate", COSIGN_CERTIFICATE_ANNOTATION],
  ["chain", COSIGN_CHAIN_ANNOTATION],
  ["rekorBundle", COSIGN_REKOR_ANNOTATION],
  ["rfc3161Timestamp", COSIGN_TIMESTAMP_ANNOTATION],
];

/** Empty annotations count as absent: cosign writes them empty for a plain key. */
function materialOf({ annotations }: Descriptor): { readonly material?: Material } {
  const found = MATERIAL.flatMap(([name, annotation]) => {
    const text = annotations?.[annotation] ?? "";
    return text === "" ? [] : [[name, text] as const];
  });
  return found.length === 0 ? {} : { material: Object.fromEntries(found) };
}
