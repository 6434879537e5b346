import { encode, Tag } from "cbor2";
import { decode } from "cbor2/decoder";
import { messageOf } from "../../base/errors.ts";
import { ATTRIBUTE, type ProtectedHeader } from "./attributes.ts";
import type { Envelope } from "./envelope.ts";
import { CBOR_DEPTH_LIMIT, CHAIN_LIMIT } from "./limits.ts";
import { quoted, refuse } from "./refusal.ts";

/** Integer labels. @see IANA "COSE Header Parameters" */
const LABEL = { algorithm: 1, critical: 2, contentType: 3, x5chain: 33 } as const;
const TIMESTAMP = "io.cncf.notary.timestampSignature";
/** @see RFC 9052 section 4.2 */
const SIGN1_TAG = 18;
/** Seconds since the epoch. @see RFC 8949 section 3.4.2 */
const EPOCH_TAG = 1;
/** The last moment that a Date can hold. */
const TIME_LIMIT_MS = 8.64e15;

/** One encoding for each value: definite lengths, shortest forms, no key twice. Tags stay tags. */
const STRICT = {
  rejectDuplicateKeys: true,
  rejectStreaming: true,
  requirePreferred: true,
  rejectLongFloats: true,
  rejectUndefined: true,
  ignoreGlobalTags: true,
  preferMap: true,
  maxDepth: CBOR_DEPTH_LIMIT,
} as const;

type Labels = ReadonlyMap<unknown, unknown>;

/**
 * Opens a COSE_Sign1_Tagged envelope.
 *
 * @throws {Refused}
 * @see notaryproject/specifications specs/signature-envelope-cose.md; RFC 9052 section 4.2
 */
export function openCose(bytes: Uint8Array): Envelope {
  const tagged = readCbor(bytes, "the envelope");
  if (
    !(tagged instanceof Tag) ||
    tagged.tag !== SIGN1_TAG ||
    !Array.isArray(tagged.contents) ||
    tagged.contents.length !== 4
  )
    return refuse("CBOR of another shape", "a COSE_Sign1 message with its tag");
  const [body, loose, content, mark] = tagged.contents as readonly unknown[];
  const bodyProtected = byteString(body, "the protected header");
  const signedLabels = labels(readCbor(bodyProtected, "the protected header"), "the protected header");
  const looseLabels = labels(loose, "the unprotected header");
  const both = [...looseLabels.keys()].find((label) => signedLabels.has(label));
  if (both !== undefined) refuse(`label ${quoted(both)} both signed and unsigned`, "each label once");
  const payload = byteString(content, "the payload");
  const timestamp = looseLabels.get(TIMESTAMP);
  return {
    form: "notation-cose",
    algorithm: signedLabels.get(LABEL.algorithm),
    header: protectedHeader(signedLabels),
    payload,
    signed: encode(["Signature1", bodyProtected, new Uint8Array(), payload]),
    signature: byteString(mark, "the signature"),
    chain: readChain(looseLabels.get(LABEL.x5chain)),
    ...(timestamp === undefined ? {} : { timestamp: byteString(timestamp, "the timestamp") }),
  };
}

function readCbor(bytes: Uint8Array, what: string): unknown {
  try {
    return decode(bytes, STRICT);
  } catch (cause) {
    return refuse(`${what} is no plain CBOR (${messageOf(cause).slice(0, 120)})`, "CBOR in its one encoding", cause);
  }
}

function protectedHeader(signed: Labels): ProtectedHeader {
  const critical = signed.get(LABEL.critical);
  if (!Array.isArray(critical) || critical.length === 0) return refuse("no critical attributes", "a list of them");
  return {
    contentType: signed.get(LABEL.contentType),
    critical,
    scheme: signed.get(ATTRIBUTE.scheme),
    signingTimeMs: time(signed, ATTRIBUTE.signingTime),
    authenticSigningTimeMs: time(signed, ATTRIBUTE.authenticSigningTime),
    expiryMs: time(signed, ATTRIBUTE.expiry),
    names: new Set(signed.keys()),
  };
}

/** A date is tagged as one: an untagged number could mean anything. */
function time(signed: Labels, name: string): number | undefined {
  const value = signed.get(name);
  if (value === undefined) return undefined;
  if (value instanceof Tag && value.tag === EPOCH_TAG && typeof value.contents === "number") {
    const ms = value.contents * 1000;
    if (Math.abs(ms) <= TIME_LIMIT_MS) return ms;
  }
  return refuse(`${name} that is no epoch-based date`, "tag 1 with a number of seconds");
}

/** Labels are integers or text. @see RFC 9052 section 1.4 */
function labels(value: unknown, what: string): Labels {
  if (!(value instanceof Map)) return refuse(`${what} is no map`, "one");
  const odd = [...value.keys()].some((label) => typeof label !== "string" && !Number.isSafeInteger(label));
  return odd ? refuse(`${what} has an odd label`, "integers and text") : value;
}

function readChain(value: unknown): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length === 0) return refuse("no x5chain", "a list of certificates");
  if (value.length > CHAIN_LIMIT) return refuse(`${value.length} certificates`, `${CHAIN_LIMIT} at most`);
  return value.map((one) => byteString(one, "a certificate"));
}

/** As a plain array of bytes, which is written as bytes again: a Buffer would not be. */
function byteString(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array && value.byteLength > 0)
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return refuse(`${what} is no byte string or empty`, "bytes");
}
