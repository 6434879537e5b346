import { type Bundle, bundleFromJSON } from "@sigstore/bundle";
import type { SignatureForm } from "../../policy/evidence.ts";
import { preAuthEncoding, readEnvelope } from "../../wire/dsse.ts";
import { malformed, readJson } from "../claims/statement.ts";
import { LOG_ENTRIES_LIMIT, TIMESTAMPS_LIMIT } from "./limits.ts";
import type { SignedMaterial } from "./material.ts";

/** `application/vnd.dev.sigstore.bundle+json;version=0.1` and `application/vnd.dev.sigstore.bundle.v0.3+json`. */
const VERSION = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v0\.([123])\+json|\+json;version=0\.([123]))$/;

/**
 * A Sigstore bundle, checked as a bundle of its version. One that signs a message is refused: no tool signs images so,
 * and what an image's digest is signed as would be a matter of opinion.
 *
 * @throws {CodedError} EVIDENCE_MALFORMED
 * @see sigstore/protobuf-specs sigstore_bundle.proto
 */
export function openBundle(bytes: Uint8Array): SignedMaterial {
  const json = readJson(bytes);
  const bundle = bundleFromJSON(json);
  if (bundle.content.$case !== "dsseEnvelope")
    throw malformed("bundle signs a message, not a statement about the image");
  const { payload, payloadType, signatures } = readEnvelope((json as { dsseEnvelope?: unknown }).dsseEnvelope);
  const { tlogEntries, timestampVerificationData } = bundle.verificationMaterial;
  const timestamps = timestampVerificationData?.rfc3161Timestamps ?? [];
  if (tlogEntries.length > LOG_ENTRIES_LIMIT) throw malformed(`it has more than ${LOG_ENTRIES_LIMIT} log entries`);
  if (timestamps.length > TIMESTAMPS_LIMIT) throw malformed(`it has more than ${TIMESTAMPS_LIMIT} timestamps`);
  const certificate = certificateOf(bundle);
  return {
    form: formOf(bundle.mediaType),
    payload,
    payloadType,
    signed: preAuthEncoding(payloadType, payload),
    signatures,
    stamped: signatures[0] ?? new Uint8Array(),
    ...(certificate === undefined ? {} : { certificate }),
    entries: tlogEntries,
    timestamps: timestamps.map(({ signedTimestamp }) => Buffer.from(signedTimestamp)),
  };
}

function formOf(mediaType: string): SignatureForm {
  const match = VERSION.exec(mediaType);
  const version = match?.[1] ?? match?.[2];
  if (version === "1" || version === "2" || version === "3") return `bundle-v0.${Number(version) as 1 | 2 | 3}`;
  throw malformed(`bundle of unknown version, ${JSON.stringify(mediaType.slice(0, 80))}`);
}

/** The leaf alone: the rest of a chain is what the trusted root knows better. */
function certificateOf({ verificationMaterial: { content } }: Bundle): Buffer | undefined {
  if (content.$case === "certificate") return content.certificate.rawBytes;
  if (content.$case === "x509CertificateChain") return content.x509CertificateChain.certificates[0]?.rawBytes;
  return undefined;
}
