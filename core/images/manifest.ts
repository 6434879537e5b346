import { z } from "zod";
import { CodedError } from "../base/errors.ts";
import type { Digest } from "../policy/evidence.ts";
import { isDigest } from "./digest.ts";
import { IMAGES_ERRORS } from "./errors.ts";
import { DOCKER_INDEX, DOCKER_SCHEMA_1, isManifestType, type ManifestType, OCI_INDEX } from "./media-types.ts";

/** Registries send fields we do not know; those are ignored, as the image specification asks. */
const annotations = z.record(z.string(), z.string());

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.custom<Digest>(isDigest),
  size: z.number().int().nonnegative(),
  artifactType: z.string().optional(),
  annotations: annotations.nullish(),
  platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
});

/** What points at content: type, digest, size. @see OCI image-spec, descriptor.md */
export type Descriptor = z.infer<typeof descriptor>;

const imageManifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor),
  subject: descriptor.nullish(),
  annotations: annotations.nullish(),
});

const imageIndex = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(descriptor),
  annotations: annotations.nullish(),
});

export type ImageManifest = z.infer<typeof imageManifest>;
export type ImageIndex = z.infer<typeof imageIndex>;

/** A manifest whose bytes were hashed by us. */
export type Manifest = { readonly digest: Digest; readonly mediaType: ManifestType; readonly size: number } & (
  | { readonly kind: "image"; readonly content: ImageManifest }
  | { readonly kind: "index"; readonly content: ImageIndex }
);

/**
 * Reads a manifest's bytes as the type that both the answer's header and the document itself name.
 *
 * @param contentType  of the HTTP answer; the document's own `mediaType` must agree when both are there
 * @throws {CodedError} REGISTRY_SCHEMA_1, REGISTRY_MALFORMED
 */
export function parseManifest(
  bytes: Uint8Array,
  digest: Digest,
  contentType: string | undefined,
  where: string,
): Manifest {
  const json = parseJson(bytes, where);
  const mediaType = agreedType(json, contentType, where);
  const base = { digest, mediaType, size: bytes.byteLength };
  if (mediaType === OCI_INDEX || mediaType === DOCKER_INDEX) {
    return { ...base, kind: "index", content: check(imageIndex, json, where) };
  }
  return { ...base, kind: "image", content: check(imageManifest, json, where) };
}

/** The list that the referrers API answers with. @see distribution-spec, "Listing Referrers" */
export function parseReferrers(bytes: Uint8Array, where: string): readonly Descriptor[] {
  return check(imageIndex, parseJson(bytes, where), where).manifests;
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed(where, "it is not JSON", cause);
  }
}

function agreedType(json: unknown, contentType: string | undefined, where: string): ManifestType {
  const own = (json as { mediaType?: unknown } | null)?.mediaType;
  const header = contentType?.split(";")[0]?.trim().toLowerCase();
  if ((json as { schemaVersion?: unknown } | null)?.schemaVersion === 1 || DOCKER_SCHEMA_1.test(header ?? "")) {
    throw new CodedError(
      "REGISTRY_SCHEMA_1",
      `${where}: is a Docker schema 1 manifest`,
      IMAGES_ERRORS.REGISTRY_SCHEMA_1.fix,
    );
  }
  if (typeof own === "string" && isManifestType(header) && own !== header) {
    throw malformed(where, `it calls itself ${own.slice(0, 80)} and its answer ${header}`);
  }
  const type = typeof own === "string" ? own : header;
  if (isManifestType(type)) return type;
  throw malformed(where, `its media type ${JSON.stringify(type?.slice(0, 80))} is none of an image's`);
}

function check<T>(schema: z.ZodType<T>, json: unknown, where: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw malformed(where, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong shape"}`, result.error);
}

function malformed(where: string, why: string, cause?: unknown): CodedError {
  return new CodedError("REGISTRY_MALFORMED", `${where}: ${why}`, IMAGES_ERRORS.REGISTRY_MALFORMED.fix, { cause });
}
