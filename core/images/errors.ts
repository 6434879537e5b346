/** Every code core/images raises. docs/errors.md has one row for each. */
export const IMAGES_ERRORS = {
  REF_INVALID: {
    means: "an image reference is not one by the distribution grammar",
    fix: "write it as host/repository:tag@sha256:digest, lower case, ASCII",
  },
  REGISTRY_UNREACHABLE: {
    means: "the registry could not be reached, or closed the connection before its answer was whole",
    fix: "check the registry's address, its certificate and the network between",
  },
  REGISTRY_TIMEOUT: {
    means: "the registry did not answer in time, or the review's own deadline passed",
    fix: "retry: the look-up goes on in the background and its result is kept",
  },
  REGISTRY_STATUS: {
    means: "the registry answered with an unexpected status",
    fix: "look at the registry's log for that request",
  },
  REGISTRY_UNAVAILABLE: {
    means: "the registry answered that it is in trouble (5xx)",
    fix: "retry; look at the registry's log for that request",
  },
  REGISTRY_DENIED: {
    means: "the registry refused the credentials, or asks for some that are not configured",
    fix: "configure credentials with pull access for that registry host",
  },
  REGISTRY_MALFORMED: {
    means: "the registry's answer breaks the distribution or image specification",
    fix: "push the image again with a current tool, or report it to the registry's operator",
  },
  REGISTRY_TOKEN_MALFORMED: {
    means: "the registry's token service answered with something that holds no token",
    fix: "retry; look at the log of the token service that the message names",
  },
  REGISTRY_ENCODING_REFUSED: {
    means: "the registry, or a proxy before it, compressed its answer although it was asked not to",
    fix: "turn compression off for the registry's paths; bytes must arrive as they were hashed",
  },
  REGISTRY_TOO_LARGE: {
    means: "an answer of the registry passes a size or count limit",
    fix: "push a smaller manifest or attestation; the limits are named in core/images/limits.ts",
  },
  REGISTRY_DIGEST_MISMATCH: {
    means: "the bytes received do not hash to the digest asked for or announced",
    fix: "do not run this image; find out who changed the registry's content",
  },
  REGISTRY_SCHEMA_1: {
    means: "the image is a Docker schema 1 manifest, which carries no verifiable digest of its content",
    fix: "push it again with a tool of this decade: docker push, skopeo copy or crane copy",
  },
  REGISTRY_REALM_REFUSED: {
    means: "the registry sends its token requests to a host that is neither its own nor configured",
    fix: "add that host to tokenHosts of the registry, if it is right",
  },
  REGISTRY_REDIRECT_REFUSED: {
    means: "the registry redirects to an address that must not be asked, or too often",
    fix: "make the registry serve its blobs itself, or over https from a public address",
  },
  REGISTRY_ADDRESS_REFUSED: {
    means: "the host of an image is a loopback, link-local or otherwise reserved address that is not configured",
    fix: "add the host to registries in the configuration, if it is right",
  },
  REGISTRY_RATE_LIMITED: {
    means: "the registry asked to be left alone (429, or 503 with Retry-After) for longer than a request waits",
    fix: "wait until the time named; configure credentials or a mirror if its limits are too low",
  },
  REGISTRY_BUSY: {
    means: "too many requests wait for this registry already",
    fix: "retry; raise the registry's concurrency if it can answer more at a time",
  },
  REGISTRY_CIRCUIT_OPEN: {
    means: "the registry failed several times in a row and is not asked for a while",
    fix: "mend the registry; it is tried again at the time named, without a restart",
  },
  REGISTRY_TAG_UNSEEN: {
    means: "the registry is down, and what a mirror gives for the tag was never seen there before",
    fix: "name the image by digest, or wait for the registry",
  },
  REGISTRY_NESTED_INDEX: {
    means: "an index holds another index, so that which image runs cannot be told",
    fix: "push an index whose entries are images, one a platform",
  },
  REGISTRY_AMBIGUOUS_INDEX: {
    means: "an index has two entries for one platform, or a manifest is an image and an index at once",
    fix: "push an index with one entry a platform",
  },
  REGISTRY_FOREIGN_LAYERS: {
    means: "a layer of the image is to be fetched from another address than the registry",
    fix: "push the image with its layers: docker push --allow-nondistributable-artifacts, or crane copy",
  },
  CREDENTIALS_INVALID: {
    means: "a docker configuration or pull secret cannot be read as one",
    fix: "create it again: kubectl create secret docker-registry, or docker login",
  },
  CREDENTIAL_HELPER_REFUSED: {
    means: "a docker configuration keeps credentials in a helper program, and helpers are not run",
    fix: "put the credentials into the file, or allow helpers in the configuration",
  },
  CREDENTIAL_HELPER_FAILED: {
    means: "a credential helper could not be run, or its answer is not a credential",
    fix: "run it by hand: echo HOST | docker-credential-NAME get",
  },
  TAG_HISTORY: {
    means: "the file that remembers tags cannot be read or written",
    fix: "check its path and permissions, or remove it: it is filled again",
  },
  IMAGE_KEY_INVALID: {
    means: "an authority's key is not a public key of a kind that may sign images",
    fix: "give a PEM public key: ECDSA P-256 or P-384, RSA of 2048 bits or more, or Ed25519",
  },
  TRUST_ROOT_INVALID: {
    means:
      "a trust root that a policy names holds what cannot be believed: a key, a chain or a validity that is not one",
    fix: "take trusted_root.json from the Sigstore instance again; every authority in it needs validFor.start",
  },
  EVIDENCE_MALFORMED: {
    means: "a signature or attestation attached to an image cannot be read",
    fix: "sign or attest the image again",
  },
} as const;

export type ImagesCode = keyof typeof IMAGES_ERRORS;
export const IMAGES_CODES = Object.keys(IMAGES_ERRORS) as readonly ImagesCode[];
