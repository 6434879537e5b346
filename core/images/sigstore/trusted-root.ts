import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { z } from "zod";
import { CodedError, messageOf } from "../../base/errors.ts";
import type { SigstoreRoot } from "../../policy/images/schema/trust-root.ts";
import { KEY_USAGE, readCertificate } from "../../wire/x509/x509.ts";
import { IMAGES_ERRORS } from "../errors.ts";
import { EXTENDED_KEY_USAGE } from "./certificate.ts";
import { AUTHORITIES_PER_ROOT, CHAIN_LIMIT } from "./limits.ts";

/** When an authority may be believed. Always has a start: a root that leaves it out would reach back for ever. */
export interface Validity {
  readonly startMs: number;
  /** Infinity while it is in use. */
  readonly endMs: number;
}

/** A transparency or certificate transparency log. */
export interface Log {
  /** As its entries name it, base64. */
  readonly id: string;
  /** "rekor.sigstore.dev": the base URL's host, in whose name it signs its checkpoints. */
  readonly name: string;
  readonly key: KeyObject;
  readonly validity: Validity;
}

/** A certificate chain, leaf side first and its self-signed root last, each DER. */
export interface CertificateAuthority {
  readonly chain: readonly Buffer[];
  readonly validity: Validity;
}

/** A trusted root, read and checked: everything in it has a start, a key that parses and a chain that holds. */
export interface SigstoreInstance {
  readonly logs: readonly Log[];
  readonly certificateLogs: readonly Log[];
  readonly certificateAuthorities: readonly CertificateAuthority[];
  readonly timestampAuthorities: readonly CertificateAuthority[];
  readonly requires: SigstoreRoot["requires"];
}

const bytes = z.base64().transform((text) => Buffer.from(text, "base64"));
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const validity = z
  .object({ start: time, end: time.nullish() })
  .refine(({ start, end }) => end == null || start < end, "ends before it starts")
  .transform(({ start, end }): Validity => ({ startMs: start, endMs: end ?? Number.POSITIVE_INFINITY }));

const log = z
  .object({
    baseUrl: z.url({ protocol: /^https?$/ }),
    hashAlgorithm: z.literal("SHA2_256"),
    publicKey: z.object({ rawBytes: bytes, keyDetails: z.string(), validFor: validity }),
    logId: z.object({ keyId: bytes }),
    checkpointKeyId: z.object({ keyId: bytes }).nullish(),
  })
  .transform(({ baseUrl, publicKey, logId, checkpointKeyId }, context): Log => {
    try {
      return {
        id: (checkpointKeyId ?? logId).keyId.toString("base64"),
        name: new URL(baseUrl).hostname,
        key: readKey(publicKey.rawBytes, publicKey.keyDetails),
        validity: publicKey.validFor,
      };
    } catch (thrown) {
      context.addIssue({ code: "custom", path: ["publicKey"], message: messageOf(thrown) });
      return z.NEVER;
    }
  });

const authority = (usage: string) =>
  z
    .object({
      certChain: z.object({
        certificates: z
          .array(z.object({ rawBytes: bytes }))
          .min(1)
          .max(CHAIN_LIMIT),
      }),
      validFor: validity,
    })
    .transform(({ certChain, validFor }, context): CertificateAuthority => {
      const chain = certChain.certificates.map(({ rawBytes }) => rawBytes);
      const problem = chainProblem(chain, usage);
      if (problem !== undefined) context.addIssue({ code: "custom", path: ["certChain"], message: problem });
      return { chain, validity: validFor };
    });

const list = <T extends z.ZodType>(item: T) => z.array(item).max(AUTHORITIES_PER_ROOT).default([]);

/** @see sigstore/protobuf-specs sigstore_trustroot.proto, `TrustedRoot`; other fields say nothing we decide by */
const trustedRoot = z.object({
  tlogs: list(log),
  ctlogs: list(log),
  certificateAuthorities: list(authority(EXTENDED_KEY_USAGE.codeSigning)),
  timestampAuthorities: list(authority(EXTENDED_KEY_USAGE.timeStamping)),
});

/**
 * @param name  of who trusts it, for the message
 * @throws {CodedError} TRUST_ROOT_INVALID with every problem
 */
export function readTrustedRoot({ trustedRoot: json, requires }: SigstoreRoot, name: string): SigstoreInstance {
  const result = trustedRoot.safeParse(json);
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw invalid(`${name}: ${problems.join("; ")}`, result.error);
  }
  const { tlogs, ctlogs, ...authorities } = result.data;
  return { logs: tlogs, certificateLogs: ctlogs, ...authorities, requires };
}

function readKey(der: Buffer, details: string): KeyObject {
  const key = createPublicKey({ key: der, format: "der", type: details.startsWith("PKCS1_") ? "pkcs1" : "spki" });
  const kind = key.asymmetricKeyType ?? "unknown";
  if (kind === "ec" || kind === "ed25519" || kind === "rsa") return key;
  throw new Error(`a log's key of kind ${kind}`);
}

/** Why these certificates are no chain up to a self-signed root, fit for this use. */
function chainProblem(chain: readonly Buffer[], usage: string): string | undefined {
  try {
    const certificates = chain.map((der) => new X509Certificate(der));
    for (const [index, certificate] of certificates.entries()) {
      const issuer = certificates[index + 1] ?? certificate;
      if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
        return index + 1 < chain.length
          ? `certificate ${index} is not issued by the next`
          : "its last certificate is not a self-signed root";
      const problem = usageProblem(certificate.raw, usage, index);
      if (problem !== undefined) return `certificate ${index} ${problem}`;
    }
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** A timestamp authority's chain starts with the certificate that signs timestamps; every other one is an authority. */
function usageProblem(der: Buffer, usage: string, index: number): string | undefined {
  const facts = readCertificate(der);
  const [critical] = facts.unknownCritical;
  if (critical !== undefined) return `has a critical extension that is not understood, ${critical}`;
  const uses = facts.extKeyUsage;
  if (usage === EXTENDED_KEY_USAGE.timeStamping && index === 0)
    return uses.length === 1 && uses[0] === usage ? undefined : "is not for timestamps alone";
  if (uses.length > 0 && !uses.includes(usage)) return "is not for this use";
  if (!facts.isCa) return "is not an authority";
  return facts.keyUsage?.has(KEY_USAGE.keyCertSign) === false ? "may not sign certificates" : undefined;
}

function invalid(why: string, cause: unknown): CodedError {
  return new CodedError("TRUST_ROOT_INVALID", `trusted root of ${why}`, IMAGES_ERRORS.TRUST_ROOT_INVALID.fix, {
    cause,
  });
}
