import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { z } from "zod";
import { readPem } from "../../wire/x509/pem.ts";
import { malformed, readJson } from "../claims/statement.ts";
import type { SignedMaterial } from "./material.ts";

/** What a log entry says was signed, by whom: to be held against what is in hand. */
interface Claimed {
  readonly signature: Buffer;
  readonly digest: Buffer;
  /** What the digest is of. */
  readonly over: "signed" | "payload";
  readonly hash: string;
  /** A certificate or a public key, DER. */
  readonly verifier: Buffer;
}

const base64 = z.base64().transform((text) => Buffer.from(text, "base64"));
const hex = z
  .string()
  .regex(/^(?:[0-9a-f]{2})+$/)
  .transform((text) => Buffer.from(text, "hex"));
const hashV1 = z.object({ algorithm: z.enum(["sha256", "sha384", "sha512"]), value: hex });
const HASHES_V2 = { SHA2_256: "sha256", SHA2_384: "sha384", SHA2_512: "sha512" } as const;
const hashV2 = z.object({ algorithm: z.enum(["SHA2_256", "SHA2_384", "SHA2_512"]), digest: base64 });
const pem = base64.transform((bytes, context): Buffer => {
  const text = bytes.toString("latin1");
  const [der] = [...readPem(text, "CERTIFICATE"), ...readPem(text, "PUBLIC KEY")];
  if (der !== undefined) return Buffer.from(der);
  context.addIssue("expected a certificate or a public key");
  return z.NEVER;
});
const raw = z.object({ rawBytes: base64 });
const verifierV2 = z
  .union([z.object({ x509Certificate: raw }), z.object({ publicKey: raw })])
  .transform((one) => ("publicKey" in one ? one.publicKey : one.x509Certificate).rawBytes);
const signatureV2 = z.object({ content: base64, verifier: verifierV2 });
const one = <T extends z.ZodType>(item: T) => z.tuple([item]);

/**
 * Entry kinds of Rekor by "kind/version": where each keeps signature, digest and verifier. 0.0.1 entries and intoto's
 * 0.0.2 are of Rekor v1; hashedrekord and dsse 0.0.2 of v2.
 * @see sigstore/rekor pkg/types; sigstore/rekor-tiles api/proto/rekor/v2
 */
const KINDS = {
  "hashedrekord/0.0.1": z
    .object({
      data: z.object({ hash: hashV1 }),
      signature: z.object({ content: base64, publicKey: z.object({ content: pem }) }),
    })
    .transform(
      ({ data: { hash }, signature }): Claimed => ({
        ...digestV1(hash, "signed"),
        signature: signature.content,
        verifier: signature.publicKey.content,
      }),
    ),
  "dsse/0.0.1": z
    .object({ payloadHash: hashV1, signatures: one(z.object({ signature: base64, verifier: pem })) })
    .transform(({ payloadHash, signatures: [only] }): Claimed => ({ ...digestV1(payloadHash, "payload"), ...only })),
  "intoto/0.0.2": z
    .object({
      content: z.object({
        payloadHash: hashV1,
        envelope: z.object({ signatures: one(z.object({ sig: twice(), publicKey: pem })) }),
      }),
    })
    .transform(({ content: { payloadHash, envelope } }): Claimed => {
      const [{ sig, publicKey }] = envelope.signatures;
      return { ...digestV1(payloadHash, "payload"), signature: sig, verifier: publicKey };
    }),
  "hashedrekord/0.0.2": z.object({ hashedRekordV002: z.object({ data: hashV2, signature: signatureV2 }) }).transform(
    ({ hashedRekordV002: { data, signature } }): Claimed => ({
      ...digestV2(data, "signed"),
      signature: signature.content,
      verifier: signature.verifier,
    }),
  ),
  "dsse/0.0.2": z
    .object({ dsseV002: z.object({ payloadHash: hashV2, signatures: one(signatureV2) }) })
    .transform(({ dsseV002: { payloadHash, signatures } }): Claimed => {
      const [{ content, verifier }] = signatures;
      return { ...digestV2(payloadHash, "payload"), signature: content, verifier };
    }),
} as const;

/**
 * Holds a log entry against the very signature, content and signer in hand: an entry of another artefact by the same
 * signer, or of this artefact by another signer, proves nothing about this one.
 *
 * @param signer  the certificate's DER, or the key
 * @throws {CodedError} EVIDENCE_MALFORMED naming what differs
 */
export function checkEntryBody(body: Buffer, material: SignedMaterial, signer: Buffer | KeyObject): void {
  const claimed = readBody(body);
  const [signature] = material.signatures;
  if (signature === undefined || !claimed.signature.equals(signature)) throw differs("signature");
  const content = claimed.over === "signed" ? material.signed : material.payload;
  if (!createHash(claimed.hash).update(content).digest().equals(claimed.digest)) throw differs("content");
  const same = Buffer.isBuffer(signer) ? claimed.verifier.equals(signer) : isKey(claimed.verifier, signer);
  if (!same) throw differs("signer");
}

function readBody(body: Buffer): Claimed {
  const { kind, apiVersion, spec } = (readJson(body) ?? {}) as Record<string, unknown>;
  const name = `${kind}/${apiVersion}`;
  if (!Object.hasOwn(KINDS, name)) throw malformed(`a log entry of kind ${name.slice(0, 64)}, which is not understood`);
  const result = KINDS[name as keyof typeof KINDS].safeParse(spec);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw malformed(`a log entry of kind ${name}: ${issue?.path.join(".")}: ${issue?.message}`, result.error);
}

function isKey(der: Buffer, key: KeyObject): boolean {
  return createPublicKey({ key: der, format: "der", type: "spki" }).equals(key);
}

/** Rekor v1's intoto type encodes a signature that is base64 already. */
function twice() {
  return base64.transform((bytes) => Buffer.from(bytes.toString("latin1"), "base64"));
}

function digestV1({ algorithm, value }: z.output<typeof hashV1>, over: Claimed["over"]) {
  return { hash: algorithm, digest: value, over };
}

function digestV2({ algorithm, digest }: z.output<typeof hashV2>, over: Claimed["over"]) {
  return { hash: HASHES_V2[algorithm], digest, over };
}

function differs(what: string): Error {
  return malformed(`its log entry is about another ${what}`);
}
