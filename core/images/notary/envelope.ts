import type { ProtectedHeader } from "./attributes.ts";

/** A signature envelope taken apart; nothing in it is believed yet. */
export interface Envelope {
  readonly form: "notation-jws" | "notation-cose";
  /** As the header names it: a JWS name or a COSE number. */
  readonly algorithm: unknown;
  readonly header: ProtectedHeader;
  readonly payload: Uint8Array;
  /** The very bytes that the signature covers. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** DER, the signing certificate first. */
  readonly chain: readonly Uint8Array[];
  /** An RFC 3161 TimeStampToken over the signature, DER. */
  readonly timestamp?: Uint8Array;
}
