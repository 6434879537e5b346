import { z } from "zod";
import { CodedError, messageOf } from "../base/errors.ts";
import type { Digest } from "../policy/evidence.ts";
import { readStrictJson } from "../wire/json.ts";
import { isDigest } from "./digest.ts";
import { IMAGES_ERRORS, type ImagesCode } from "./errors.ts";
import { ARTIFACTS_PER_IMAGE, LAYERS_PER_IMAGE, MANIFEST_MEMBERS, MANIFESTS_PER_INDEX } from "./limits.ts";
import { DOCKER_INDEX, DOCKER_SCHEMA_1, isManifestType, type ManifestType, OCI_INDEX } from "./media-types.ts";
import type { Repository } from "./reference.ts";

/** Registries send fields we do not know; those are ignored, as the image specification asks. */
const annotations = z.record(z.string(), z.string());

const platform = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().nullish(),
  "os.version": z.string().nullish(),
  "os.features": z.array(z.string()).nullish(),
});

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.custom<Digest>(isDigest, "expected a sha256 digest"),
  size: z.number().int().nonnegative(),
  artifactType: z.string().optional(),
  annotations: annotations.nullish(),
  platform: platform.nullish(),
  /** Other places its content may be fetched from. */
  urls: z.array(z.string()).nullish(),
});

/** What points at content: type, digest, size. @see OCI image-spec, descriptor.md */
export type Descriptor = z.infer<typeof descriptor>;

const imageManifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor).max(LAYERS_PER_IMAGE),
  subject: descriptor.nullish(),
  annotations: annotations.nullish(),
});

const imageIndex = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  manifests: z.array(descriptor).max(MANIFESTS_PER_INDEX),
  subject: descriptor.nullish(),
  annotations: annotations.nullish(),
});

/** A list of referrers has no other content that counts. */
const listing = z.object({ schemaVersion: z.literal(2), manifests: z.array(z.unknown()) });

export type ImageManifest = z.infer<typeof imageManifest>;
export type ImageIndex = z.infer<typeof imageIndex>;

/** A manifest whose bytes were hashed by us. */
export type Manifest = ManifestFacts &
  (
    | { readonly kind: "image"; readonly content: ImageManifest }
    | { readonly kind: "index"; readonly content: ImageIndex }
  );

interface ManifestFacts {
  readonly digest: Digest;
  readonly mediaType: ManifestType;
  /** In bytes. */
  readonly size: number;
  /** The mirror that served it: a node can pull the same digest from there. */
  readonly mirror?: Repository;
  /** What kept the registry from saying where the tag leads: a mirror said it, and there may be more. */
  readonly insteadOf?: Error;
}

/** Referrers as listed, as far as the caps allow. */
export interface Listing {
  readonly descriptors: readonly Descriptor[];
  /** True when there were more than are read. */
  readonly truncated: boolean;
  /** Some entries make no sense here, a digest of another algorithm perhaps: anybody may have attached such a thing. */
  readonly unreadable?: true;
  /** What kept the registry from listing them: a mirror did, and there may be more. */
  readonly insteadOf?: Error;
}

/**
 * Reads a manifest's bytes as the type that both the answer's header and the document itself name.
 *
 * @param contentType  of the HTTP answer; the document's own `mediaType` must agree when both are there
 * @throws {CodedError} REGISTRY_SCHEMA_1, REGISTRY_MALFORMED, REGISTRY_TOO_LARGE, REGISTRY_AMBIGUOUS_INDEX
 */
export function parseManifest(
  bytes: Uint8Array,
  digest: Digest,
  contentType: string | undefined,
  where: string,
): Manifest {
  const json = parseJson(bytes, where);
  const mediaType = agreedType(json, contentType, where);
  refuseBothKinds(json, where);
  const base = { digest, mediaType, size: bytes.byteLength };
  if (mediaType === OCI_INDEX || mediaType === DOCKER_INDEX) {
    return { ...base, kind: "index", content: check(imageIndex, json, where) };
  }
  return { ...base, kind: "image", content: check(imageManifest, json, where) };
}

/**
 * The list that the referrers API and its fallback tag hold. A flood is cut off before it is looked at.
 *
 * @see distribution-spec, "Listing Referrers"
 * @throws {CodedError} REGISTRY_MALFORMED
 */
export function parseReferrers(bytes: Uint8Array, where: string): Listing {
  const { manifests } = check(listing, parseJson(bytes, where), where);
  const entries = manifests.slice(0, ARTIFACTS_PER_IMAGE).map((entry) => descriptor.safeParse(entry));
  const descriptors = entries.flatMap(({ data }) => data ?? []);
  const unreadable = descriptors.length < entries.length ? { unreadable: true as const } : {};
  return { descriptors, truncated: manifests.length > ARTIFACTS_PER_IMAGE, ...unreadable };
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  let json: unknown;
  try {
    json = readStrictJson(bytes, MANIFEST_MEMBERS);
  } catch (cause) {
    throw coded("REGISTRY_MALFORMED", where, `it is not JSON that means one thing: ${messageOf(cause)}`, cause);
  }
  refuseOtherSpellings(json, where);
  return json;
}

/** Names of the image specification's objects. Annotations are maps, where every name is its own. */
const FIELDS = [
  ...["schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations"],
  ...["digest", "size", "urls", "data", "platform", "os", "architecture", "variant", "os.version", "os.features"],
];
const FIELD_OF: ReadonlyMap<string, string> = new Map(FIELDS.map((field) => [folded(field), field]));

/**
 * Container runtimes are written in Go, whose reader takes "Layers" for "layers", and the last of them when both are
 * there: what we read must be what they run.
 * @see https://pkg.go.dev/encoding/json#Unmarshal, "preferring exact matches but also accepting case-insensitive matches"
 */
function refuseOtherSpellings(json: unknown, where: string): void {
  if (typeof json !== "object" || json === null) return;
  if (Array.isArray(json)) {
    for (const value of json) refuseOtherSpellings(value, where);
    return;
  }
  for (const [name, value] of Object.entries(json)) {
    const field = FIELD_OF.get(folded(name)) ?? name;
    if (field !== name) {
      throw coded("REGISTRY_MALFORMED", where, `it says ${JSON.stringify(name.slice(0, 80))} for "${field}"`);
    }
    if (name !== "annotations") refuseOtherSpellings(value, where);
  }
}

/** Equal for what Go's reader takes for equal, the long s and the Kelvin sign among it. */
function folded(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function agreedType(json: unknown, contentType: string | undefined, where: string): ManifestType {
  const own = (json as { mediaType?: unknown } | null)?.mediaType;
  const header = contentType?.split(";")[0]?.trim().toLowerCase();
  if ((json as { schemaVersion?: unknown } | null)?.schemaVersion === 1 || DOCKER_SCHEMA_1.test(header ?? "")) {
    throw coded("REGISTRY_SCHEMA_1", where, "is a Docker schema 1 manifest");
  }
  if (typeof own === "string" && isManifestType(header) && own !== header) {
    throw coded("REGISTRY_MALFORMED", where, `it calls itself ${own.slice(0, 80)} and its answer ${header}`);
  }
  const type = typeof own === "string" ? own : header;
  if (isManifestType(type)) return type;
  const shown = JSON.stringify(type?.slice(0, 80));
  throw coded("REGISTRY_MALFORMED", where, `its media type ${shown} is none of an image's`);
}

/**
 * The same bytes under the same digest would be an image to one client and an index to another.
 * @see CVE-2021-41190; OCI image-spec, manifest.md and image-index.md
 */
function refuseBothKinds(json: unknown, where: string): void {
  const has = (field: string) => (json as Record<string, unknown> | null)?.[field] !== undefined;
  if (has("manifests") && (has("layers") || has("config"))) {
    throw coded("REGISTRY_AMBIGUOUS_INDEX", where, "it is an image and an index at once");
  }
}

function check<T>(schema: z.ZodType<T>, json: unknown, where: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join(".").slice(0, 120) ?? "";
  if (issue?.code === "too_big") throw coded("REGISTRY_TOO_LARGE", where, `more than ${issue.maximum} ${path}`);
  throw coded("REGISTRY_MALFORMED", where, `${path}: ${issue?.message ?? "wrong shape"}`, result.error);
}

function coded(code: ImagesCode, where: string, why: string, cause?: unknown): CodedError {
  return new CodedError(code, `${where}: ${why}`, IMAGES_ERRORS[code].fix, { cause });
}
