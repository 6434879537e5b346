import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { MINUTE_MS } from "../core/base/clock.ts";
import { CodedError, codedSystemError } from "../core/base/errors.ts";
import type { HostPort } from "../core/base/host-port.ts";
import type { Closable } from "../core/base/lifecycle.ts";
import { type BodyBudget, inTime, type ReviewBody, readReviewBody } from "./https/body.ts";
import { type CallerCheck, type Callers, callerCheck } from "./https/callers.ts";
import { deadlineOf } from "./https/deadline.ts";
import type { Answer } from "./https/doors.ts";
import { send, sendError, sendNoDoor, sendUnread } from "./https/reply.ts";
import type { ServingCertificate } from "./https/tls.ts";
import { answerUnreadable } from "./https/unreadable.ts";
import type { AdmissionMetrics, Door } from "./record/observe.ts";
import { parseReview, REVIEW_LIMIT_BYTES } from "./review.ts";

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
    frameworkErrors: (_error, { method, url }, reply) => void sendNoDoor(reply, method, url),
    serverFactory: (handler) => {
      const timeouts = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: MINUTE_MS };
      https = createServer({ ...timeouts, ...tlsOptions(options.certificate), ...callers.tls }, handler);
      https.on("checkExpectation", handler); // Node would answer 417 without a reason
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
  app.setNotFoundHandler(({ method, url }, reply) => sendNoDoor(reply, method, url));
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
  const signal = AbortSignal.timeout(deadlineOf((request.query as { timeout?: unknown }).timeout));
  let body = NO_BODY;
  reviews.underWay++;
  try {
    caller.check(request.raw.socket as TLSSocket);
    if (request.body instanceof Readable)
      body = await inTime(readReviewBody(request.body, REVIEW_LIMIT_BYTES, reviews), signal);
    const code = unreadCode(body, reviews.underWay > reviewsLimit);
    if (code !== undefined) metrics.unread(door, code);
    if (code !== undefined) return sendUnread(reply, body.text, code, UNREAD[code]);
    const parsed = parseReview(body.text);
    const { traceparent } = request.headers;
    return send(reply, await doors[door](parsed, signal, typeof traceparent === "string" ? traceparent : undefined));
  } catch (thrown) {
    metrics.unread(door, thrown instanceof CodedError ? thrown.code : "INTERNAL");
    return sendError(reply.header("connection", "close"), thrown);
  } finally {
    reviews.underWay--;
    body.release();
  }
}

const UNREAD = {
  REVIEW_TOO_LARGE: `found a review of more than ${REVIEW_LIMIT_BYTES} bytes, expected less`,
  REVIEW_BUSY: "found as many reviews under way as the gate takes, expected fewer",
} as const;

function unreadCode({ kept }: ReviewBody, busy: boolean): keyof typeof UNREAD | undefined {
  if (kept === "too large") return "REVIEW_TOO_LARGE";
  return kept === "too many" || busy ? "REVIEW_BUSY" : undefined;
}

type Parsed = (error: null, payload: IncomingMessage) => void;

const NO_BODY: ReviewBody = { text: "", kept: "whole", release: () => {} };

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
