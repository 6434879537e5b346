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
  REGISTRY_DENIED: {
    means: "the registry refused the credentials, or asks for some that are not configured",
    fix: "configure credentials with pull access for that registry host",
  },
  REGISTRY_MALFORMED: {
    means: "the registry's answer breaks the distribution or image specification",
    fix: "push the image again with a current tool, or report it to the registry's operator",
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
