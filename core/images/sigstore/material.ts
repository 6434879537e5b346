import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { SignatureForm } from "../../policy/evidence.ts";

/** One signature taken out of its wrapping, with everything attached that may speak for it. Nothing is believed yet. */
export interface SignedMaterial {
  /** How it was wrapped; an envelope of a `.att` tag has no form of signature. */
  readonly form?: SignatureForm;
  /** The payload: simple signing's JSON, or an in-toto statement's. */
  readonly payload: Uint8Array;
  /** `undefined` when the payload itself is what is signed. */
  readonly payloadType?: string;
  /** The bytes that the signatures are over. */
  readonly signed: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** What an RFC 3161 timestamp is over. */
  readonly stamped: Uint8Array;
  /** The signer's certificate, DER. */
  readonly certificate?: Buffer;
  readonly entries: readonly TransparencyLogEntry[];
  /** TimeStampResp, DER. */
  readonly timestamps: readonly Buffer[];
}
