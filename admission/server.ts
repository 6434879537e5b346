import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { MINUTE_MS, SECOND_MS } from "../core/base/clock.ts";
import { asError, CodedError, codedSystemError } from "../core/base/errors.ts";
import type { HostPort } from "../core/base/host-port.ts";
import type { Closable } from "../core/base/lifecycle.ts";
import { plainText } from "./answer/plain-text.ts";
import { refusalResponse } from "./answer/respond.ts";
import { ADMISSION_ERRORS } from "./errors.ts";
import { type BodyBudget, HEAD_BYTES, inTime, type ReviewBody, readReviewBody } from "./https/body.ts";
import { type CallerCheck, type Callers, callerCheck } from "./https/callers.ts";
import type { Answer } from "./https/doors.ts";
import type { ServingCertificate } from "./https/tls.ts";
import { answerUnreadable } from "./https/unreadable.ts";
import type { AdmissionMetrics, Door } from "./record/observe.ts";
import { findUid, parseReview, REVIEW_LIMIT_BYTES, type ReviewResponse, renderReview } from "./review.ts";

/** The API server's time-out when it names none, the longest it may name, and what the answer itself takes. */
export const DEFAULT_TIMEOUT_MS = 10 * SECOND_MS;
export const LONGEST_TIMEOUT_MS = 30 * SECOND_MS;
export const ANSWER_RESERVE_MS = 500;
/** Shortest time a review gets, however short the time-out. */
export const SHORTEST_DEADLINE_MS = 100;
/** Reviews under way at once; more are refused with a reason. */
export const REVIEWS_LIMIT = 1024;

/**
 * How long a connection may wait for its next review. Longer than the API server keeps one (90 s, Go's default): a
 * server that hangs up first does so, now and then, at the moment the next review is sent, and that review fails.
 */
export const KEEP_ALIVE_MS = 2 * MINUTE_MS;

export interface ReviewServerOptions {
  readonly listen: HostPort;
  readonly certificate: ServingCertificate;
  readonly doors: Readonly<Record<Door, Answer>>;
  readonly metrics: AdmissionMetrics;
  /** Why the gate is not ready; empty when it is. */
  readonly notReady: () => readonly string[];
  /** Reviews under way at once; REVIEWS_LIMIT when left out. */
  readonly reviewsLimit?: number;
  /** Who may ask; anyone when left out. */
  readonly callers?: Callers;
  /** How long it goes on answering once it is told to close, not ready, each connection after its next answer. */
  readonly drainMs?: number;
}

/** Stops in order: not ready, then no new connections, then every review under way is answered. */
export interface ReviewServer extends Closable {
  /** Why it wants no reviews; empty while it does. */
  notReady(): readonly string[];
  /** host:port it listens on. */
  readonly address: string;
  /** New connections get this certificate; open ones keep theirs. */
  serve(certificate: ServingCertificate): void;
}

/** Listens for reviews over TLS 1.3. @throws {CodedError} PORT_IN_USE, ADDRESS_NOT_AVAILABLE */
export async function startReviewServer(options: ReviewServerOptions): Promise<ReviewServer> {
  let https: Server | undefined;
  let draining = false;
  const callers = callerCheck(options.callers ?? {});
  const app = fastify({
    bodyLimit: Number.MAX_SAFE_INTEGER,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    clientErrorHandler: answerUnreadable,
    serverFactory: (handler) => {
      const timeouts = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: MINUTE_MS };
      https = createServer({ ...timeouts, ...tlsOptions(options.certificate), ...callers.tls }, handler);
      return https;
    },
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (draining) reply.header("connection", "close");
    done(null, payload);
  });
  const reviews = { underWay: 0, held: 0 };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", (_request: FastifyRequest, payload: IncomingMessage, done: Parsed) =>
    done(null, payload),
  );
  app.setErrorHandler((error, _request, reply) => sendError(reply, error));
  app.setNotFoundHandler(({ method, url }, reply) => {
    const message = `review: found ${method} ${plainText(url)}, expected POST /validate or POST /mutate`;
    return sendError(reply, new CodedError("REVIEW_NO_DOOR", message, ADMISSION_ERRORS.REVIEW_NO_DOOR.fix));
  });
  for (const door of ["validate", "mutate"] as const) {
    app.post(`/${door}`, (request, reply) =>
      handleReview(door, request, reply, { ...options, caller: callers }, reviews),
    );
  }
  addProbes(app, options);
  const address = await listen(app, options.listen, "admission webhook");
  return {
    address,
    notReady: () => (draining ? ["webhook: stopping"] : []),
    serve: (next) => https?.setSecureContext({ ...tlsOptions(next), ...callerCheck(options.callers ?? {}).tls }),
    close: async () => {
      draining = true;
      await sleep(options.drainMs ?? 0);
      await app.close();
    },
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
  { doors, metrics, caller, reviewsLimit = REVIEWS_LIMIT }: ReviewServerOptions & { readonly caller: CallerCheck },
  reviews: BodyBudget & { underWay: number },
): Promise<FastifyReply> {
  const signal = AbortSignal.timeout(deadlineOf(request));
  let body = NO_BODY;
  reviews.underWay++;
  try {
    caller.check(request.raw.socket as TLSSocket);
    if (request.body instanceof Readable)
      body = await inTime(readReviewBody(request.body, REVIEW_LIMIT_BYTES, reviews), signal);
    if (body.kept === "too large")
      return unread(
        reply,
        body.text,
        "REVIEW_TOO_LARGE",
        `found a review of more than ${REVIEW_LIMIT_BYTES} bytes, expected less`,
      );
    if (body.kept === "too many" || reviews.underWay > reviewsLimit)
      return unread(
        reply,
        body.text,
        "REVIEW_BUSY",
        "found as many reviews under way as the gate takes, expected fewer",
      );
    const parsed = parseReview(body.text);
    const { traceparent } = request.headers;
    return send(reply, await doors[door](parsed, signal, typeof traceparent === "string" ? traceparent : undefined));
  } catch (thrown) {
    if (thrown instanceof CodedError && thrown.code === "REVIEW_MALFORMED") metrics.malformed(door);
    return sendError(reply.header("connection", "close"), thrown);
  } finally {
    reviews.underWay--;
    body.release();
  }
}

type Parsed = (error: null, payload: IncomingMessage) => void;

const NO_BODY: ReviewBody = { text: "", kept: "whole", release: () => {} };

/** Time for one review, its reading included: the API server's `?timeout=`, less what the answer takes. */
function deadlineOf(request: FastifyRequest): number {
  const { timeout } = request.query as { timeout?: unknown };
  const asked = typeof timeout === "string" ? parseGoDuration(timeout) : undefined;
  const timeoutMs = Math.min(asked ?? DEFAULT_TIMEOUT_MS, LONGEST_TIMEOUT_MS);
  return Math.max(SHORTEST_DEADLINE_MS, timeoutMs - ANSWER_RESERVE_MS);
}

const GO_UNITS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** "10s", "1m30s", "500ms" as milliseconds; `undefined` for anything else. @see Go's time.ParseDuration */
export function parseGoDuration(text: string): number | undefined {
  if (!/^(\d{1,6}(\.\d{1,6})?(ms|h|m|s)){1,4}$/.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * GO_UNITS[unit as keyof typeof GO_UNITS], 0);
}

/** A webhook that ignores failures would let an unread object through: so this is an answer, and it is no. */
function unread(
  reply: FastifyReply,
  head: string,
  code: "REVIEW_TOO_LARGE" | "REVIEW_BUSY",
  why: string,
): FastifyReply {
  const uid = findUid(head.slice(0, HEAD_BYTES));
  const { fix } = ADMISSION_ERRORS[code];
  if (uid === undefined) return sendError(reply, new CodedError(code, `review: ${why}`, fix));
  return send(reply, refusalResponse(uid, `refused  ${code}: ${why}\n  fix: ${fix}`));
}

function send(reply: FastifyReply, response: ReviewResponse): FastifyReply {
  return reply.type("application/json").send(renderReview(response));
}

const STATUS: Readonly<Record<string, number>> = {
  REVIEW_MALFORMED: 400,
  REVIEW_TOO_LARGE: 413,
  REVIEW_CALLER_UNKNOWN: 403,
  REVIEW_NO_DOOR: 404,
  REVIEW_SLOW: 408,
  REVIEW_BUSY: 429,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 415,
};

function sendError(reply: FastifyReply, thrown: unknown): FastifyReply {
  const code = (thrown as { code?: string }).code ?? "INTERNAL";
  const fix = thrown instanceof CodedError ? thrown.fix : ADMISSION_ERRORS.REVIEW_MALFORMED.fix;
  return reply
    .code(STATUS[code] ?? 500)
    .send({ code: thrown instanceof CodedError ? code : "REVIEW_MALFORMED", message: asError(thrown).message, fix });
}

function tlsOptions({ certPem, keyPem }: ServingCertificate) {
  return { cert: certPem, key: keyPem, minVersion: "TLSv1.3" } as const;
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
