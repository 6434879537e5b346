/** Bounds on everything a registry can send. Each is far above what an honest registry needs. */

/** Largest manifest or index, in bytes. @see distribution-spec: registries may refuse manifests over 4 MiB */
export const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024;
/** Members of a manifest, index or list, in all its objects and arrays: what reading it costs, a second for a million. */
export const MANIFEST_MEMBERS = 64 * 1024;
/** Bytes of attached manifests read for one image, in all; what they hold stays in memory until it is verified. */
export const ATTACHED_LIMIT_BYTES = 16 * 1024 * 1024;
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
/** Bytes of signatures and attestations in memory at a time, of all images that are looked up. */
export const EVIDENCE_IN_FLIGHT_BYTES = 128 * 1024 * 1024;
/** Evidence of one image up to this size is not counted there, in bytes; nearly all is. */
export const EVIDENCE_UNCOUNTED_BYTES = 256 * 1024;
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
/** Connections to one registry at a time: as many as requests can be configured, which are what is limited. */
export const CONNECTIONS_PER_REGISTRY = 256;
/** Longest wait for one answer of a name server, in milliseconds, and how often one is asked. */
export const DNS_TRY_MS = 2000;
export const DNS_TRIES = 2;
/** Longest a connection is kept open unused, in milliseconds, whatever its registry asks for; there are many registries. */
export const IDLE_CONNECTION_MS = 10_000;
/** Requests for one image at a time. */
export const REQUESTS_PER_IMAGE = 8;
/** A token is renewed this long before its expiry, in milliseconds. */
export const TOKEN_MARGIN_MS = 10_000;
/** Tokens kept, oldest dropped first. */
export const TOKENS_KEPT = 256;
/** Longest use of a token, whatever it says of itself, in milliseconds. */
export const TOKEN_LIFE_LIMIT_MS = 3_600_000;
/** A registry that asked for a password is shown it unasked for this long, in milliseconds. */
export const BASIC_KEPT_MS = 300_000;
/** Requests to one host at a time, unless configured. */
export const REQUESTS_PER_REGISTRY = 16;
/** Requests waiting for their turn at one host. */
export const REQUESTS_WAITING = 512;
/** Hosts whose traffic is remembered, the ones asked longest ago dropped first. */
export const HOSTS_KEPT = 256;
/** Further tries after a 429. */
export const RETRIES_PER_REQUEST = 2;
/** First wait after a 429 that does not say how long, in milliseconds; doubled each time. */
export const RETRY_WAIT_MS = 200;
/** Longest wait within a request for a registry that asked to be left alone, in milliseconds; beyond it is refused. */
export const RETRY_WAIT_LIMIT_MS = 2000;
/** Longest a registry is left alone because it asked for that, in milliseconds. */
export const PAUSE_LIMIT_MS = 300_000;
/** Failures in a row after which a host is not asked for a while. */
export const BREAKER_FAILURES = 5;
/** First such while, in milliseconds; doubled with each failed trial. */
export const BREAKER_OPEN_MS = 5000;
/** Longest such while, in milliseconds. */
export const BREAKER_OPEN_LIMIT_MS = 60_000;
/** A request given up after this long counts as a failure of the host, in milliseconds. */
export const BREAKER_SLOW_MS = 2000;
/** Longest wait for one mirror before the next is asked, in milliseconds. */
export const MIRROR_DEADLINE_MS = 2000;
/** Longest wait for a registry's own answer on a tag before a mirror may give a known one, in milliseconds. */
export const ORIGIN_PATIENCE_MS = 3000;
/** Largest docker configuration or pull secret, in bytes; a Kubernetes Secret holds 1 MiB. */
export const CREDENTIALS_LIMIT_BYTES = 1024 * 1024;
/** Registries that one such file may name. */
export const CREDENTIALS_PER_FILE = 256;
/** Longest run of a credential helper, in milliseconds. */
export const HELPER_DEADLINE_MS = 3000;
/** Largest answer of a credential helper, in bytes. */
export const HELPER_OUTPUT_LIMIT_BYTES = 64 * 1024;
/** Tags remembered for an outage of their registry, the ones seen longest ago dropped first. */
export const TAGS_REMEMBERED = 10_000;
/** Digests remembered of one tag, the ones seen longest ago dropped first. */
export const DIGESTS_PER_TAG = 16;
/** Layers of one image. @see containerd and overlayfs, which stop at 500 and 128 */
export const LAYERS_PER_IMAGE = 512;
/** Entries of one index. */
export const MANIFESTS_PER_INDEX = 1024;
