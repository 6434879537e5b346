/**
 * One signature or attestation as found attached to an image: bytes that anybody with push rights may have written.
 *
 *   simple    cosign's simple-signing payload and the base64 signature from its descriptor
 *   bundle    a Sigstore bundle's JSON, v0.1 to v0.3
 *   envelope  a bare DSSE envelope's JSON, from cosign's `.att` tag
 *   notary    a Notary Project signature envelope: JWS as JSON, or COSE
 */
export type Artifact =
  | { readonly kind: "simple"; readonly bytes: Uint8Array; readonly signature: string; readonly material?: Material }
  | { readonly kind: "bundle"; readonly bytes: Uint8Array }
  | { readonly kind: "envelope"; readonly bytes: Uint8Array; readonly material?: Material }
  | {
      readonly kind: "notary";
      readonly bytes: Uint8Array;
      readonly mediaType: NotaryEnvelopeType;
      readonly target?: ReceivedAs;
    };

/** What the manifest that this is attached to is called by its registry, and how long it is: Notary signs both. */
export interface ReceivedAs {
  readonly mediaType: string;
  /** In bytes. */
  readonly size: number;
}

/** @see notaryproject/specifications specs/signature-specification.md, "Supported Signature Envelopes" */
export const NOTARY_ENVELOPE_TYPES = ["application/jose+json", "application/cose"] as const;
export type NotaryEnvelopeType = (typeof NOTARY_ENVELOPE_TYPES)[number];

/**
 * What cosign writes on the layer's descriptor beside a keyless signature, each as found there; absent for a plain key.
 * @see sigstore/cosign specs/SIGNATURE_SPEC.md, "Properties"
 */
export interface Material {
  /** `dev.sigstore.cosign/certificate`: the signer's certificate, PEM. */
  readonly certificate?: string;
  /** `dev.sigstore.cosign/chain`: intermediates and root, PEM. */
  readonly chain?: string;
  /** `dev.sigstore.cosign/bundle`: Rekor's promise or proof of entry, JSON. */
  readonly rekorBundle?: string;
  /** `dev.sigstore.cosign/rfc3161timestamp`: JSON `{ "SignedRFC3161Timestamp": base64 }`. */
  readonly rfc3161Timestamp?: string;
}
