import { z } from "zod";
import { CodedError } from "../../base/errors.ts";
import type { DsseEnvelope } from "../../wire/dsse.ts";
import { readStrictJson } from "../../wire/json.ts";
import { IMAGES_ERRORS } from "../errors.ts";
import { IN_TOTO } from "../media-types.ts";

const subject = z.object({ name: z.string().nullish(), digest: z.record(z.string(), z.string()) });

/** @see https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md; v0.1 differs in `_type` only */
const statement = z.object({
  _type: z.enum(["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"]),
  subject: z.array(subject).min(1).max(64),
  predicateType: z.string().max(256),
  predicate: z.unknown(),
});

/** "About this subject, this is so": not believed until its envelope's signature and subject were checked. */
export type Statement = z.infer<typeof statement>;

/** @throws {CodedError} EVIDENCE_MALFORMED */
export function readStatement(envelope: Pick<DsseEnvelope, "payloadType" | "payload">): Statement {
  if (envelope.payloadType !== IN_TOTO)
    throw malformed(`payload type ${JSON.stringify(envelope.payloadType)} is not ${IN_TOTO}`);
  const result = statement.safeParse(readSignedJson(envelope.payload));
  if (result.success) return result.data;
  throw malformed(`${result.error.issues[0]?.path.join(".")}: ${result.error.issues[0]?.message}`, result.error);
}

/** What somebody signed, which must mean to us what it meant to him. @throws {CodedError} EVIDENCE_MALFORMED */
export function readSignedJson(bytes: Uint8Array): unknown {
  try {
    return readStrictJson(bytes);
  } catch (cause) {
    throw malformed("it is not plain JSON with each name once", cause);
  }
}

/** What only wraps: nothing in it is believed. @throws {CodedError} EVIDENCE_MALFORMED */
export function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw malformed("it is not JSON", cause);
  }
}

/** True when one of the subjects is this digest. @see in-toto statement, "subject": any element may be matched */
export function isAbout(statement: Statement, digest: string): boolean {
  return statement.subject.some(
    (one) => one.digest["sha256"] !== undefined && `sha256:${one.digest["sha256"]}` === digest,
  );
}

export function malformed(why: string, cause?: unknown): CodedError {
  return new CodedError("EVIDENCE_MALFORMED", why, IMAGES_ERRORS.EVIDENCE_MALFORMED.fix, { cause });
}
