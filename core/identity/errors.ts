/** Codes of the identity folder. docs/errors.md has one row per code and a test compares the two. */
export const IDENTITY_ERRORS = {
  ID_INVALID: {
    means: "text that should be a SPIFFE id is not one",
    fix: "write spiffe://<trust-domain>/ns/<namespace>/sa/<service-account>",
  },
  SVID_INVALID: {
    means: "a certificate breaks the rules of an X.509-SVID: URI SAN, CA flag, key usage or extended key usage",
    fix: "issue it by Outrider's CA or by SPIRE; a general TLS certificate is no workload identity",
  },
  SVID_UNTRUSTED: {
    means: "a certificate does not chain to an anchor of its own trust domain",
    fix: "compare the trust bundles of both sides; after a root rotation renew the certificate",
  },
  SVID_EXPIRED: {
    means: "a certificate is not yet or no longer valid",
    fix: "check the clock of both sides and that the peer can reach its certificate authority",
  },
  SVID_WRONG_DOMAIN: {
    means: "a certificate belongs to another trust domain",
    fix: "set the same trustDomain on both sides, or federate the two",
  },
  SVID_UNEXPECTED: {
    means: "a valid certificate names another workload than the one that was dialled",
    fix: "compare the Service's endpoints with the pod that answers; restart the sidecar of a pod whose service account changed",
  },
  CSR_INVALID: {
    means: "a certificate request is not a well-formed PKCS#10 request for a P-256 key signed by that key",
    fix: "create the request anew; only ECDSA P-256 with SHA-256 is taken",
  },
  CA_ROTATION_BUSY: {
    means: "the root cannot rotate: the rotation before it is still under way",
    fix: "wait until its root signs, one certificateTtl after it was published, then rotate again",
  },
  CA_UNREACHABLE: {
    means: "the certificate authority could not be asked",
    fix: "check identity.url, that the mesh process runs, and that bundleFile holds its anchors",
  },
  CA_REFUSED: {
    means: "the certificate authority refused the request",
    fix: "follow the fix in its answer; the mesh process logs the same code",
  },
  IDENTITY_FILE: {
    means: "a key, certificate, bundle or token file is missing or malformed",
    fix: "check the path, its permissions and that it holds PEM (a token file: one JWT)",
  },
} as const;

export type IdentityCode = keyof typeof IDENTITY_ERRORS;
