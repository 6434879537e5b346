import type { Server } from "node:https";
import Fastify, { type FastifyInstance } from "fastify";
import { z } from "zod";
import type { Clock } from "../../core/base/clock.ts";
import { asError, CodedError, codedSystemError } from "../../core/base/errors.ts";
import type { HostPort } from "../../core/base/host-port.ts";
import type { Tracing } from "../../core/base/tracing.ts";
import { type Authority, readSignedRequest } from "../../core/identity/authority.ts";
import type { IssuedCertificate } from "../../core/identity/leaf.ts";
import { workloadId } from "../../core/identity/spiffe-id.ts";
import type { SvidSource } from "../../core/identity/svid.ts";
import type { AltNames } from "../../core/wire/x509/x509.ts";
import { refused } from "../errors.ts";
import { createRateLimit } from "./rate-limit.ts";
import type { ReviewedPod, TokenReviewer } from "./token-review.ts";

/** Largest request, in bytes; ours have about 2 KiB. */
export const CA_BODY_LIMIT_BYTES = 64 * 1024;
/** Requests one address may make at once, and per second after that. */
export const CA_BURST = 50;
export const CA_REQUESTS_PER_SECOND = 10;
/** Longest time for a handshake and for a whole request, in milliseconds; most connections at once. */
const HANDSHAKE_DEADLINE_MS = 5000;
const REQUEST_DEADLINE_MS = 10_000;
const CA_CONNECTIONS_LIMIT = 1000;

export interface CaDoorOptions {
  readonly listen: HostPort;
  readonly authority: Authority;
  readonly identity: SvidSource;
  readonly tokens: TokenReviewer;
  readonly certificateTtlMs: number;
  readonly clock: Clock;
  readonly tracing: Tracing;
  /** Whether the cluster holds this pod with this service account. */
  readonly holdsPod: (pod: ReviewedPod) => boolean;
  readonly onIssued: (pod: ReviewedPod, issued: IssuedCertificate) => void;
  readonly onRefused: (error: CodedError, address: string) => void;
}

const body = z.strictObject({ csr: z.string().max(16 * 1024), token: z.string().optional() });

/**
 * The path of a certificate request. Every name in the certificate comes from the token review, never from the CSR.
 *
 *   read       the body's shape
 *   review     the token: who asks
 *   check      the cluster holds that pod; the CSR is signed by its key and asks for no other name
 *   issue      the leaf, with the pod's uid in it
 */
async function certify(
  input: unknown,
  options: CaDoorOptions,
): Promise<{ pod: ReviewedPod; issued: IssuedCertificate }> {
  const { csr, token } = readBody(input);
  const pod = await options.tokens.review(token);
  if (!options.holdsPod(pod))
    throw refused("CA_POD_UNKNOWN", `${pod.namespace}/${pod.pod}: no such pod with uid ${pod.podUid}`);
  const request = readSignedRequest(csr);
  const spiffeId = workloadId(options.authority.trustDomain, pod.namespace, pod.serviceAccount);
  checkAskedNames(request.altNames, spiffeId);
  const { podUid } = pod;
  const ttlMs = options.certificateTtlMs;
  return { pod, issued: options.authority.issue({ spiffeId, podUid, ttlMs, publicKey: request.publicKey }) };
}

type Certified = Awaited<ReturnType<typeof certify>>;

/** The span says for whom; a refusal marks it and passes on. */
function traced(tracing: Tracing, work: () => Promise<Certified>): Promise<Certified> {
  return tracing.withSpan("mesh issue certificate", { kind: "server" }, async (span) => {
    const certified = await work();
    const { namespace, pod, podUid } = certified.pod;
    span.set({ "k8s.namespace.name": namespace, "k8s.pod.name": pod, "k8s.pod.uid": podUid });
    return certified;
  });
}

function readBody(input: unknown): { csr: string; token: string } {
  const parsed = body.safeParse(input);
  if (!parsed.success) throw refused("CA_REQUEST_INVALID", "certificate request: expected { csr, token }");
  const { csr, token = "" } = parsed.data;
  if (token === "") throw refused("CA_TOKEN_MISSING", "certificate request: no token");
  return { csr, token };
}

function checkAskedNames({ uris, dns, ips, others }: AltNames, spiffeId: string): void {
  const foreign = uris.find((uri) => uri !== spiffeId);
  if (foreign !== undefined)
    throw refused("CA_NAME_MISMATCH", `asked for ${foreign.slice(0, 200)}, the token proves ${spiffeId}`);
  if (dns.length + ips.length + others === 0) return;
  throw refused("CA_NAME_MISMATCH", `asked for names other than a SPIFFE id, the token proves ${spiffeId}`);
}

/** Opens `POST /v1/certificates` over TLS 1.3. @returns the door's address. @throws {CodedError} PORT_IN_USE */
export async function openCaDoor(options: CaDoorOptions): Promise<{ address: string; close(): Promise<void> }> {
  const { cert, key } = tlsOf(options.identity);
  const app = Fastify({
    https: { cert, key, minVersion: "TLSv1.3", handshakeTimeout: HANDSHAKE_DEADLINE_MS },
    bodyLimit: CA_BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_DEADLINE_MS,
    forceCloseConnections: true,
  });
  app.server.maxConnections = CA_CONNECTIONS_LIMIT;
  addRoute(app as unknown as FastifyInstance, options);
  const stop = options.identity.onChange(() => (app.server as Server).setSecureContext(tlsOf(options.identity)));
  app.addHook("onClose", async () => stop());
  try {
    const address = await app.listen(options.listen);
    return { address, close: () => app.close() };
  } catch (thrown) {
    throw codedSystemError(thrown, `certificate authority ${options.listen.host}:${options.listen.port}`);
  }
}

function tlsOf(identity: SvidSource) {
  const { certChainPem, keyPem } = identity.current();
  return { cert: certChainPem, key: keyPem, minVersion: "TLSv1.3" } as const;
}

function addRoute(app: FastifyInstance, options: CaDoorOptions): void {
  const limit = createRateLimit({ burst: CA_BURST, perSecond: CA_REQUESTS_PER_SECOND });
  app.post("/v1/certificates", async (request) => {
    if (!limit.allows(request.ip, options.clock()))
      throw refused("CA_RATE_LIMITED", `${request.ip}: too many requests`);
    const { pod, issued } = await traced(options.tracing, () => certify(request.body, options));
    options.onIssued(pod, issued);
    return { chain: issued.chain, bundle: options.authority.bundle(), notAfterMs: issued.notAfterMs };
  });
  app.setErrorHandler((thrown, request, reply) => {
    const error = codedRefusal(thrown);
    options.onRefused(error, request.ip);
    const status = statusOf(error.code);
    const message = status < 500 ? error.message : "certificate request: the authority cannot judge it now";
    return reply.code(status).send({ code: error.code, message, fix: error.fix });
  });
}

/** fastify's own refusals (body too large, not JSON) get our code; anything else is our fault and says no more. */
function codedRefusal(thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  const status = (thrown as { statusCode?: number }).statusCode ?? 500;
  if (status < 500) return refused("CA_REQUEST_INVALID", asError(thrown).message.toLowerCase(), thrown);
  return new CodedError("INTERNAL", "certificate request: failed", "see the log of the mesh process", {
    cause: thrown,
  });
}

const STATUS: Readonly<Record<string, number>> = {
  CA_REQUEST_INVALID: 400,
  CSR_INVALID: 400,
  CA_TOKEN_MISSING: 401,
  CA_TOKEN_INVALID: 401,
  CA_NAME_MISMATCH: 403,
  CA_POD_UNKNOWN: 403,
  ID_INVALID: 403,
  CA_RATE_LIMITED: 429,
  CA_JWKS_INVALID: 503,
};

const statusOf = (code: string): number => STATUS[code] ?? 500;
