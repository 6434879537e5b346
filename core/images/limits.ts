/** Bounds on everything a registry can send. Each is far above what an honest registry needs. */

/** Largest manifest or index, in bytes. @see distribution-spec: registries may refuse manifests over 4 MiB */
export const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024;
/** Largest signature payload, in bytes; cosign's is about 250. */
export const SIGNATURE_LIMIT_BYTES = 64 * 1024;
/** Largest bundle or attestation, in bytes; Trivy's JSON of a large image is about 5 MiB. */
export const ATTESTATION_LIMIT_BYTES = 16 * 1024 * 1024;
/** Largest token answer, in bytes. */
export const TOKEN_LIMIT_BYTES = 64 * 1024;
/** Largest header block of an answer, in bytes. */
export const HEADERS_LIMIT_BYTES = 32 * 1024;
/** Pages of the referrers list that are read. */
export const REFERRER_PAGES = 8;
/** Attached artifacts whose manifests are read, and signatures and attestations in them, per image. */
export const ARTIFACTS_PER_IMAGE = 100;
/** Layers looked at in one attached artifact: a cosign `.sig` tag has one per signature. */
export const LAYERS_PER_ARTIFACT = 32;
/** Bytes of signatures and attestations read for one image, in all. */
export const EVIDENCE_LIMIT_BYTES = 32 * 1024 * 1024;
/** Bytes hashed to check one artifact's signatures, each against each key. */
export const VERIFY_LIMIT_BYTES = 256 * 1024 * 1024;
/** Largest statement that is read only to say what it was, when no trusted key signed it, in bytes. */
export const DESCRIBED_LIMIT_BYTES = 64 * 1024;
/** Platform children of one index. */
export const CHILDREN_PER_INDEX = 32;
/** Redirects followed for one request. */
export const REDIRECTS_PER_REQUEST = 3;
/** Longest wait for one request, headers and body together, in milliseconds. */
export const REQUEST_DEADLINE_MS = 10_000;
/** Longest gathering of one image's evidence, which goes on when the asking review has given up, in milliseconds. */
export const COLLECT_DEADLINE_MS = 30_000;
/** Connections to one registry at a time. */
export const CONNECTIONS_PER_REGISTRY = 16;
/** Requests for one image at a time. */
export const REQUESTS_PER_IMAGE = 8;
/** A token is renewed this long before its expiry, in milliseconds. */
export const TOKEN_MARGIN_MS = 10_000;
/** Tokens kept, oldest dropped first. */
export const TOKENS_KEPT = 256;
