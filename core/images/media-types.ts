/** Media types by their specifications' names. */

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";
/** Docker schema 1: refused, but asked for nowhere. */
export const DOCKER_SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/;

export const OCI_EMPTY = "application/vnd.oci.empty.v1+json";

/** A cosign signature layer. @see sigstore/cosign specs/SIGNATURE_SPEC.md */
export const COSIGN_SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json";
/** Base64 signature over the layer's bytes, on its descriptor. */
export const COSIGN_SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature";
/** What cosign writes beside a keyless signature or attestation. */
export const COSIGN_CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate";
export const COSIGN_CHAIN_ANNOTATION = "dev.sigstore.cosign/chain";
export const COSIGN_REKOR_ANNOTATION = "dev.sigstore.cosign/bundle";
export const COSIGN_TIMESTAMP_ANNOTATION = "dev.sigstore.cosign/rfc3161timestamp";
/** A cosign attestation layer in the `.att` tag form. */
export const DSSE_ENVELOPE = "application/vnd.dsse.envelope.v1+json";

/** @see sigstore/cosign specs/BUNDLE_SPEC.md */
export const SIGSTORE_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const SIGSTORE_BUNDLE_ANY =
  /^application\/vnd\.dev\.sigstore\.bundle(?:\.v0\.\d+)?\+json(?:;\s*version=0\.\d+)?$/;
export const BUNDLE_CONTENT_ANNOTATION = "dev.sigstore.bundle.content";
export const BUNDLE_PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType";

/** A Notary Project signature's manifest, in its `artifactType` or its config. @see notaryproject/specifications */
export const NOTARY_SIGNATURE = "application/vnd.cncf.notary.signature";

export const IN_TOTO = "application/vnd.in-toto+json";
/** What `cosign sign` states in a bundle: the one predicate that is a signature. */
export const COSIGN_SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";
/** A finished vulnerability scan. @see sigstore/cosign specs/COSIGN_VULN_ATTESTATION_SPEC.md */
export const COSIGN_VULN_PREDICATE = "https://cosign.sigstore.dev/attestation/vuln/v1";

export const MANIFEST_TYPES = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX] as const;
export type ManifestType = (typeof MANIFEST_TYPES)[number];

export function isManifestType(text: string | undefined): text is ManifestType {
  return (MANIFEST_TYPES as readonly (string | undefined)[]).includes(text);
}
