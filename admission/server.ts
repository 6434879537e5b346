import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { MINUTE_MS, SECOND_MS } from "../core/base/clock.ts";
import { asError, CodedError, codedSystemError } from "../core/base/errors.ts";
import type { HostPort } from "../core/base/host-port.ts";
import type { Closable } from "../core/base/lifecycle.ts";
import { readReviewBody } from "./body.ts";
import type { Answer } from "./doors.ts";
import { ADMISSION_ERRORS } from "./errors.ts";
import type { AdmissionMetrics, Door } from "./observe.ts";
import { refusalResponse } from "./respond.ts";
import { findUid, parseReview, REVIEW_LIMIT_BYTES, type ReviewResponse, renderReview } from "./review.ts";
import type { ServingCertificate } from "./tls.ts";

/** The API server's time-out when it names none, the longest it may name, and what the answer itself takes. */
export const DEFAULT_TIMEOUT_MS = 10 * SECOND_MS;
export const LONGEST_TIMEOUT_MS = 30 * SECOND_MS;
export const ANSWER_RESERVE_MS = 500;
/** Shortest time a review gets, however short the time-out. */
export const SHORTEST_DEADLINE_MS = 100;
/** Reviews under way at once; more are refused with a reason. */
export const REVIEWS_LIMIT = 1024;

export interface ReviewServerOptions {
  readonly listen: HostPort;
  readonly certificate: ServingCertificate;
  readonly doors: Readonly<Record<Door, Answer>>;
  readonly metrics: AdmissionMetrics;
  /** Why the gate is not ready; empty when it is. */
  readonly notReady: () => readonly string[];
}

export interface ReviewServer extends Closable {
  /** host:port it listens on. */
  readonly address: string;
  /** New connections get this certificate; open ones keep theirs. */
  serve(certificate: ServingCertificate): void;
}

/** Listens for reviews over TLS 1.3. @throws {CodedError} PORT_IN_USE, ADDRESS_NOT_AVAILABLE */
export async function startReviewServer(options: ReviewServerOptions): Promise<ReviewServer> {
  let https: Server | undefined;
  const app = fastify({
    bodyLimit: Number.MAX_SAFE_INTEGER,
    forceCloseConnections: "idle",
    requestTimeout: MINUTE_MS,
    serverFactory: (handler) => {
      https = createServer({ ...tlsOptions(options.certificate), minVersion: "TLSv1.3" }, handler);
      return https;
    },
  });
  const reviews = { underWay: 0 };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", (_request: FastifyRequest, payload: IncomingMessage) =>
    readReviewBody(payload, REVIEW_LIMIT_BYTES),
  );
  app.setErrorHandler((error, _request, reply) => sendError(reply, error));
  for (const door of ["validate", "mutate"] as const) {
    app.post(`/${door}`, (request, reply) => handleReview(door, request, reply, options, reviews));
  }
  addProbes(app, options);
  const address = await listen(app, options.listen, "admission webhook");
  return {
    address,
    serve: (next) => https?.setSecureContext({ ...tlsOptions(next), minVersion: "TLSv1.3" }),
    close: () => app.close(),
  };
}

/** Probes and metrics in plain HTTP, for a loopback or pod-internal address. */
export async function startAdminServer(
  at: HostPort,
  options: Pick<ReviewServerOptions, "metrics" | "notReady">,
): Promise<Closable & { readonly address: string }> {
  const app = fastify({ forceCloseConnections: true });
  addProbes(app, options);
  return { address: await listen(app, at, "admission admin"), close: () => app.close() };
}

function addProbes(
  app: FastifyInstance,
  { metrics, notReady }: Pick<ReviewServerOptions, "metrics" | "notReady">,
): void {
  app.get("/healthz", (_request, reply) => reply.type("text/plain").send("ok\n"));
  app.get("/readyz", (_request, reply) => {
    const reasons = notReady();
    if (reasons.length === 0) return reply.type("text/plain").send("ok\n");
    return reply
      .code(503)
      .type("text/plain")
      .send(`${reasons.join("\n")}\n`);
  });
  app.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}

/** One review: read, answered within the API server's time-out, or refused with the reason. */
async function handleReview(
  door: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  { doors, metrics }: ReviewServerOptions,
  reviews: { underWay: number },
): Promise<FastifyReply> {
  const signal = AbortSignal.timeout(deadlineOf(request, reply.elapsedTime));
  const body = (request.body ?? { text: "", complete: true }) as Awaited<ReturnType<typeof readReviewBody>>;
  if (!body.complete) return tooLarge(reply, body.text);
  let parsed: ReturnType<typeof parseReview>;
  try {
    parsed = parseReview(body.text);
  } catch (thrown) {
    metrics.malformed(door);
    return sendError(reply, thrown);
  }
  if (reviews.underWay >= REVIEWS_LIMIT)
    return send(
      reply,
      refusalResponse(parsed.uid, refusalText("REVIEW_BUSY", `${REVIEWS_LIMIT} reviews are under way`)),
    );
  reviews.underWay++;
  try {
    const { traceparent } = request.headers;
    return send(reply, await doors[door](parsed, signal, typeof traceparent === "string" ? traceparent : undefined));
  } finally {
    reviews.underWay--;
  }
}

/** Time for one review: the API server's `?timeout=`, less what reading it took and what the answer takes. */
function deadlineOf(request: FastifyRequest, elapsedMs: number): number {
  const { timeout } = request.query as { timeout?: unknown };
  const asked = typeof timeout === "string" ? parseGoDuration(timeout) : undefined;
  const timeoutMs = Math.min(asked ?? DEFAULT_TIMEOUT_MS, LONGEST_TIMEOUT_MS);
  return Math.max(SHORTEST_DEADLINE_MS, Math.ceil(timeoutMs - elapsedMs - ANSWER_RESERVE_MS));
}

const GO_UNITS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** "10s", "1m30s", "500ms" as milliseconds; `undefined` for anything else. @see Go's time.ParseDuration */
export function parseGoDuration(text: string): number | undefined {
  if (!/^(\d{1,6}(\.\d{1,6})?(ms|h|m|s)){1,4}$/.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * GO_UNITS[unit as keyof typeof GO_UNITS], 0);
}

/** A webhook that ignores failures would let an unread object through: so this is an answer, and it is no. */
function tooLarge(reply: FastifyReply, head: string): FastifyReply {
  const uid = findUid(head);
  const message = refusalText("REVIEW_TOO_LARGE", `larger than ${REVIEW_LIMIT_BYTES} bytes`);
  if (uid !== undefined) return send(reply, refusalResponse(uid, message));
  return sendError(
    reply,
    new CodedError(
      "REVIEW_TOO_LARGE",
      `review: larger than ${REVIEW_LIMIT_BYTES} bytes`,
      ADMISSION_ERRORS.REVIEW_TOO_LARGE.fix,
    ),
  );
}

function refusalText(code: keyof typeof ADMISSION_ERRORS, why: string): string {
  return `refused  ${code}: ${why}\n  fix: ${ADMISSION_ERRORS[code].fix}`;
}

function send(reply: FastifyReply, response: ReviewResponse): FastifyReply {
  return reply.type("application/json").send(renderReview(response));
}

const STATUS: Readonly<Record<string, number>> = {
  REVIEW_MALFORMED: 400,
  REVIEW_TOO_LARGE: 413,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 415,
};

function sendError(reply: FastifyReply, thrown: unknown): FastifyReply {
  const code = (thrown as { code?: string }).code ?? "INTERNAL";
  const fix = thrown instanceof CodedError ? thrown.fix : ADMISSION_ERRORS.REVIEW_MALFORMED.fix;
  return reply
    .code(STATUS[code] ?? 500)
    .send({ code: thrown instanceof CodedError ? code : "REVIEW_MALFORMED", message: asError(thrown).message, fix });
}

function tlsOptions({ certPem, keyPem }: ServingCertificate): { cert: string; key: string } {
  return { cert: certPem, key: keyPem };
}

async function listen(app: FastifyInstance, { host, port }: HostPort, what: string): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (thrown) {
    throw codedSystemError(thrown, `${what} ${host}:${port}`);
  }
  const bound = app.server.address() as AddressInfo;
  return bound.family === "IPv6" ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
}
