import { request } from "node:https";
import type { DetailedPeerCertificate, PeerCertificate } from "node:tls";
import { z } from "zod";
import { SECOND_MS } from "../base/clock.ts";
import { asError, CodedError, messageOf } from "../base/errors.ts";
import { IDENTITY_ERRORS } from "./errors.ts";
import { meshId } from "./spiffe-id.ts";
import { LONGEST_CHAIN, verifyPeer } from "./verify.ts";

/** Longest wait for an answer, in milliseconds, and the largest answer, in bytes. */
export const CA_DEADLINE_MS = 10 * SECOND_MS;
export const CA_ANSWER_LIMIT_BYTES = 256 * 1024;

export interface CertificateQuestion {
  readonly url: string;
  readonly trustDomain: string;
  readonly bundlePem: string;
  readonly csr: string;
  readonly token: string;
  readonly signal?: AbortSignal;
}

export interface CertificateAnswer {
  readonly chain: readonly string[];
  readonly bundle: readonly string[];
  /** An answer that must not be used, as an error. */
  readonly refuse: (why: string) => CodedError;
}

const answerSchema = z.object({ chain: z.array(z.string()).min(1).max(8), bundle: z.array(z.string()).min(1).max(64) });
const refusalSchema = z.object({ code: z.string().max(64), message: z.string(), fix: z.string() });

/**
 * One call of `POST /v1/certificates`. The authority proves itself by the mesh's own SVID before the token is sent.
 *
 * @throws {CodedError} CA_UNREACHABLE, CA_REFUSED (with the authority's code in the message)
 */
export async function askAuthority(question: CertificateQuestion): Promise<CertificateAnswer> {
  const { status, text } = await post(question);
  const refuse = (why: string) => caError("CA_REFUSED", `${question.url}: ${why}`);
  const value = parseJson(text, refuse);
  if (status === 200) {
    const parsed = answerSchema.safeParse(value);
    if (parsed.success) return { ...parsed.data, refuse };
    throw refuse("its answer is not a certificate");
  }
  const refusal = refusalSchema.safeParse(value);
  if (!refusal.success) throw refuse(`status ${status}`);
  const { code, message, fix } = refusal.data;
  throw new CodedError("CA_REFUSED", `${question.url}: ${code}: ${message}`, fix);
}

function parseJson(text: string, refuse: (why: string) => CodedError): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refuse("its answer is not JSON");
  }
}

function post(question: CertificateQuestion): Promise<{ status: number; text: string }> {
  const { url, bundlePem, csr, token } = question;
  const deadline = AbortSignal.timeout(CA_DEADLINE_MS);
  const signal = question.signal === undefined ? deadline : AbortSignal.any([deadline, question.signal]);
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(cause instanceof CodedError ? cause : caError("CA_UNREACHABLE", `${url}: ${messageOf(cause)}`, cause));
    const outgoing = request(
      new URL("/v1/certificates", url),
      {
        method: "POST",
        agent: false,
        ca: bundlePem,
        minVersion: "TLSv1.3",
        headers: { "content-type": "application/json" },
        checkServerIdentity: (_host, peer) => checkAuthority(peer, question),
        signal,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        let length = 0;
        incoming.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > CA_ANSWER_LIMIT_BYTES) incoming.destroy(new Error(`answer over ${CA_ANSWER_LIMIT_BYTES} bytes`));
          else chunks.push(chunk);
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
        incoming.on("error", fail);
      },
    );
    outgoing.on("error", fail);
    outgoing.end(JSON.stringify({ csr, token }));
  });
}

/** Runs in the handshake: `agent: false` means no session is resumed, so it always runs. */
function checkAuthority(peer: PeerCertificate, { bundlePem, trustDomain }: CertificateQuestion): Error | undefined {
  try {
    verifyPeer(rawChain(peer), bundlePem, trustDomain, meshId(trustDomain));
    return undefined;
  } catch (thrown) {
    return asError(thrown);
  }
}

/** At this hook Node passes the whole chain, linked by issuer; a root links to itself. */
function rawChain(peer: PeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined = peer;
  while (next?.raw !== undefined && chain.length < LONGEST_CHAIN) {
    chain.push(next.raw);
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

function caError(code: "CA_UNREACHABLE" | "CA_REFUSED", message: string, cause?: unknown): CodedError {
  return new CodedError(code, message, IDENTITY_ERRORS[code].fix, { cause });
}
