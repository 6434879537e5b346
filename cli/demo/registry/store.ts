import { digestOf } from "../../../core/images/digest.ts";
import type { Digest } from "../../../core/policy/evidence.ts";

/** Bytes kept in all; a push beyond that is refused. */
export const STORE_LIMIT_BYTES = 512 * 1024 * 1024;

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A manifest that names another as its subject, as the referrers API lists it. */
export interface StoredReferrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Repository {
  readonly manifests: Map<Digest, StoredManifest>;
  readonly tags: Map<string, Digest>;
}

/** What the registry holds, in memory. Keys are digests that were checked; values can be tampered with on purpose. */
export class RegistryStore {
  readonly #blobs = new Map<Digest, Uint8Array>();
  readonly #repositories = new Map<string, Repository>();
  readonly #tampered = new Map<Digest, Uint8Array>();
  #bytes = 0;

  blob(digest: Digest): Uint8Array | undefined {
    return this.#blobs.has(digest) ? (this.#tampered.get(digest) ?? this.#blobs.get(digest)) : undefined;
  }

  /** False when the store is full. */
  putBlob(bytes: Uint8Array): boolean {
    if (!this.#takes(bytes)) return false;
    this.#blobs.set(digestOf(bytes), bytes);
    return true;
  }

  manifest(repository: string, reference: string): StoredManifest | undefined {
    const held = this.#repositories.get(repository);
    const digest = held?.tags.get(reference) ?? (reference as Digest);
    const manifest = held?.manifests.get(digest);
    const tampered = this.#tampered.get(digest);
    return manifest === undefined || tampered === undefined ? manifest : { ...manifest, bytes: tampered };
  }

  /** Stores under its digest, and under the tag when the reference is one. False when the store is full. */
  putManifest(repository: string, reference: string, manifest: StoredManifest): boolean {
    if (!this.#takes(manifest.bytes)) return false;
    const held = this.#repositories.get(repository) ?? { manifests: new Map(), tags: new Map() };
    this.#repositories.set(repository, held);
    held.manifests.set(manifest.digest, manifest);
    if (!reference.startsWith("sha256:")) held.tags.set(reference, manifest.digest);
    return true;
  }

  deleteManifest(repository: string, reference: string): boolean {
    const held = this.#repositories.get(repository);
    return (held?.tags.delete(reference) ?? false) || (held?.manifests.delete(reference as Digest) ?? false);
  }

  /** Every tag in order; `undefined` for a repository nobody pushed to. */
  tags(repository: string): readonly string[] | undefined {
    const held = this.#repositories.get(repository);
    return held === undefined ? undefined : [...held.tags.keys()].toSorted();
  }

  referrers(repository: string, subject: Digest): readonly StoredReferrer[] {
    const manifests = this.#repositories.get(repository)?.manifests.values() ?? [];
    return [...manifests].flatMap((manifest) => referrerOf(manifest, subject));
  }

  /** From now on these bytes are served under that digest, whatever they hash to. */
  tamper(digest: Digest, bytes: Uint8Array): void {
    this.#tampered.set(digest, bytes);
  }

  #takes(bytes: Uint8Array): boolean {
    if (this.#bytes + bytes.byteLength > STORE_LIMIT_BYTES) return false;
    this.#bytes += bytes.byteLength;
    return true;
  }
}

/** @see distribution-spec "Listing Referrers": artifactType falls back to the config's media type */
function referrerOf(manifest: StoredManifest, subject: Digest): StoredReferrer[] {
  const { bytes, digest, mediaType } = manifest;
  const json = parsed.get(manifest) ?? parseOnce(manifest);
  if (json.subject?.digest !== subject) return [];
  const artifactType = json.artifactType ?? json.config?.mediaType;
  return [
    {
      mediaType,
      digest,
      size: bytes.byteLength,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(json.annotations === undefined ? {} : { annotations: json.annotations }),
    },
  ];
}

interface ManifestJson {
  readonly subject?: { readonly digest?: string };
  readonly artifactType?: string;
  readonly config?: { readonly mediaType?: string };
  readonly annotations?: Record<string, string>;
}

/** A stored manifest never changes, and each is looked at for every list of referrers. */
const parsed = new WeakMap<StoredManifest, ManifestJson>();

function parseOnce(manifest: StoredManifest): ManifestJson {
  const json = JSON.parse(new TextDecoder().decode(manifest.bytes)) as ManifestJson;
  parsed.set(manifest, json);
  return json;
}
