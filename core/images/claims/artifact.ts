/**
 * One signature or attestation as found attached to an image: bytes that anybody with push rights may have written.
 *
 *   simple    cosign's simple-signing payload and the base64 signature from its descriptor
 *   bundle    a Sigstore bundle's JSON
 *   envelope  a bare DSSE envelope's JSON, from cosign's `.att` tag
 */
export type Artifact =
  | { readonly kind: "simple"; readonly bytes: Uint8Array; readonly signature: string }
  | { readonly kind: "bundle"; readonly bytes: Uint8Array }
  | { readonly kind: "envelope"; readonly bytes: Uint8Array };
