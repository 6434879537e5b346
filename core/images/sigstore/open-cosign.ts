import type { TransparencyLogEntry } from "@sigstore/bundle";
import { z } from "zod";
import { preAuthEncoding, readEnvelope } from "../../wire/dsse.ts";
import { readPem } from "../../wire/x509/pem.ts";
import type { Artifact, Material } from "../claims/artifact.ts";
import { malformed, readJson } from "../claims/statement.ts";
import { ANNOTATION_LIMIT_CHARS } from "./limits.ts";
import type { SignedMaterial } from "./material.ts";

const base64 = z.base64().transform((text) => Buffer.from(text, "base64"));
const wholeNumber = z.number().int().nonnegative();

/** @see sigstore/cosign specs/SIGNATURE_SPEC.md, "Properties", `dev.sigstore.cosign/bundle` */
const rekorBundle = z.object({
  SignedEntryTimestamp: base64,
  Payload: z.object({
    body: base64,
    integratedTime: wholeNumber,
    logIndex: wholeNumber,
    logID: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});

const timestamp = z.object({ SignedRFC3161Timestamp: base64 });

/** A simple-signing payload and its signature, as cosign's old form keeps them. @throws {CodedError} EVIDENCE_MALFORMED */
export function openSimple({ bytes, signature, material }: Extract<Artifact, { kind: "simple" }>): SignedMaterial {
  const mark = readSignature(signature);
  return {
    form: "cosign-simple",
    payload: bytes,
    signed: bytes,
    signatures: [mark],
    stamped: mark,
    ...openMaterial(material),
  };
}

/** Line breaks are let pass, as cosign does; any other character is not, which a lenient reader would leave out. */
function readSignature(text: string): Buffer {
  const { data } = base64.safeParse(text.replaceAll(/[\r\n]/g, ""));
  if (data === undefined) throw malformed("its signature is not base64");
  return data;
}

/** An envelope of a `.att` tag. Its timestamp is over the whole envelope, as cosign has it. @throws {CodedError} EVIDENCE_MALFORMED */
export function openEnvelope({ bytes, material }: Extract<Artifact, { kind: "envelope" }>): SignedMaterial {
  const { payload, payloadType, signatures } = readEnvelope(readJson(bytes));
  const signed = preAuthEncoding(payloadType, payload);
  return { payload, payloadType, signed, signatures, stamped: bytes, ...openMaterial(material) };
}

function openMaterial(material: Material = {}): Pick<SignedMaterial, "certificate" | "entries" | "timestamps"> {
  const certificate = attached(material.certificate, (text) => readPem(text, "CERTIFICATE")[0]);
  const entry = attached(material.rekorBundle, (text) => readEntry(rekorBundle.parse(JSON.parse(text))));
  const stamp = attached(material.rfc3161Timestamp, (text) => timestamp.parse(JSON.parse(text)).SignedRFC3161Timestamp);
  return {
    ...(certificate === undefined ? {} : { certificate: Buffer.from(certificate) }),
    entries: entry === undefined ? [] : [entry],
    timestamps: stamp === undefined ? [] : [stamp],
  };
}

function attached<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  if (text === undefined || text === "") return undefined;
  if (text.length > ANNOTATION_LIMIT_CHARS) throw malformed(`an annotation of ${text.length} characters`);
  try {
    return read(text);
  } catch (cause) {
    throw malformed("an annotation beside it cannot be read", cause);
  }
}

/** The log's promise as a bundle would have it. */
function readEntry({ SignedEntryTimestamp, Payload }: z.output<typeof rekorBundle>): TransparencyLogEntry {
  const { kind, apiVersion } = kindOf(Payload.body);
  return {
    logIndex: String(Payload.logIndex),
    logId: { keyId: Buffer.from(Payload.logID, "hex") },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(Payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: SignedEntryTimestamp },
    inclusionProof: undefined,
    canonicalizedBody: Payload.body,
  };
}

function kindOf(body: Buffer): { kind: string; apiVersion: string } {
  return z.object({ kind: z.string(), apiVersion: z.string() }).parse(readJson(body));
}
