import { z } from "zod";
import { readStrictJson } from "../../wire/json.ts";
import { ATTRIBUTE, type ProtectedHeader } from "./attributes.ts";
import type { Envelope } from "./envelope.ts";
import { CHAIN_LIMIT, CRITICAL_LIMIT } from "./limits.ts";
import { refuse } from "./refusal.ts";

const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/, "expected base64url without padding");
const base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/, "expected base64");

const TIMESTAMP = "io.cncf.notary.timestampSignature";

/** The flattened JSON serialisation, with no other top-level member. @see RFC 7515 section 7.2.2 */
const envelope = z.strictObject({
  payload: base64url,
  protected: base64url,
  header: z.looseObject({ x5c: z.array(base64).min(1).max(CHAIN_LIMIT), [TIMESTAMP]: base64.optional() }),
  signature: base64url,
});

const time = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .optional();

const header = z.looseObject({
  alg: z.string(),
  cty: z.string(),
  crit: z.array(z.string()).min(1).max(CRITICAL_LIMIT),
  [ATTRIBUTE.scheme]: z.string(),
  [ATTRIBUTE.signingTime]: time,
  [ATTRIBUTE.authenticSigningTime]: time,
  [ATTRIBUTE.expiry]: time,
});

/**
 * Opens a JWS envelope.
 *
 * @throws {Refused}
 * @see notaryproject/specifications specs/signature-envelope-jws.md
 */
export function openJws(bytes: Uint8Array): Envelope {
  const outer = shape(envelope, strict(bytes, "the envelope"), "the envelope");
  const inner = shape(header, strict(fromBase64Url(outer.protected), "the protected header"), "the protected header");
  const both = Object.keys(outer.header).find((name) => Object.hasOwn(inner, name));
  if (both !== undefined) refuse(`${JSON.stringify(both)} both signed and unsigned`, "each header once");
  const timestamp = outer.header[TIMESTAMP];
  return {
    form: "notation-jws",
    algorithm: inner.alg,
    header: protectedHeader(inner),
    payload: fromBase64Url(outer.payload),
    signed: new TextEncoder().encode(`${outer.protected}.${outer.payload}`),
    signature: fromBase64Url(outer.signature),
    chain: outer.header.x5c.map(fromBase64),
    ...(timestamp === undefined ? {} : { timestamp: fromBase64(timestamp) }),
  };
}

function protectedHeader(inner: z.output<typeof header>): ProtectedHeader {
  return {
    contentType: inner.cty,
    critical: inner.crit,
    scheme: inner[ATTRIBUTE.scheme],
    signingTimeMs: inner[ATTRIBUTE.signingTime],
    authenticSigningTimeMs: inner[ATTRIBUTE.authenticSigningTime],
    expiryMs: inner[ATTRIBUTE.expiry],
    names: new Set(Object.keys(inner)),
  };
}

function strict(bytes: Uint8Array, what: string): unknown {
  try {
    return readStrictJson(bytes);
  } catch (cause) {
    const why = cause instanceof SyntaxError ? cause.message : "unreadable";
    return refuse(`${what} is no plain JSON (${why.slice(0, 120)})`, "JSON with each name once", cause);
  }
}

function shape<T extends z.ZodType>(type: T, value: unknown, what: string): z.output<T> {
  const result = type.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  return refuse(
    `${what}: ${issue?.path.join(".")}: ${issue?.message}`.slice(0, 200),
    "a flattened JWS of notation's shape",
  );
}

/** One text for each bytes: an encoding with loose bits at its end is another text for the same signature. */
function fromBase64Url(text: string): Uint8Array {
  return exactly(Buffer.from(text, "base64url"), text, "base64url");
}

function fromBase64(text: string): Uint8Array {
  return exactly(Buffer.from(text, "base64"), text, "base64");
}

function exactly(bytes: Buffer, text: string, encoding: "base64" | "base64url"): Uint8Array {
  if (bytes.toString(encoding) !== text) refuse(`${encoding} with loose bits`, "its one encoding");
  return bytes;
}
