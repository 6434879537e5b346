import { STATUS_CODES } from "node:http";
import { CodedError, messageOf } from "../core/base/errors.ts";
import type { Accepted } from "./connections/connections.ts";
import type { Received } from "./connections/serve.ts";
import { PolicyDenied } from "./errors.ts";
import { ClientGone, type ServerConnection } from "./http/server.ts";
import type { Parts } from "./parts.ts";

/** A request nobody waits for any more, as other proxies count it. */
const CLIENT_CLOSED = 499;
/** What follows a refused CONNECT or Upgrade may not be HTTP. */
const TUNNEL_REFUSED = 501;
/** What plain text and failed handshakes are counted as refused by. */
const STRICT_RULE = "strict mutual TLS";
const INTERNAL = { status: 500, fix: "this is a bug in outrider; the sidecar's log has the stack" };

/** What is told about a refusal. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly rule?: string;
  readonly traceId?: string;
}

/**
 * The one place that turns an error into a response (or a reset, when the response has begun already). Counts it.
 * The rule of a policy refusal is told to meshed peers, and to our own application, only.
 */
export function refuse(received: Received, error: unknown): void {
  const { exchange, observed, parts, accepted } = received;
  const refusal = refusalOf(error, observed.trace.traceId);
  const gone = error instanceof ClientGone;
  const status = gone ? CLIENT_CLOSED : refusal.status;
  count(error, accepted, observed.peer, parts);
  if (refusal.code === "INTERNAL" && !gone) parts.log.error({ err: error }, "request failed");
  const { connection } = exchange;
  const keepAlive =
    exchange.request.keepAlive && exchange.bodyDone && !connection.closing && refusal.status !== TUNNEL_REFUSED;
  parts.telemetry.end(observed, { status, code: gone ? "CLIENT_GONE" : refusal.code });
  parts.accessLog.request(observed, { status, code: gone ? "CLIENT_GONE" : refusal.code }, error as Error);
  if (gone || exchange.answered) {
    connection.reset();
    return;
  }
  connection.write(render(tellable(refusal, accepted), keepAlive, exchange.request.method === "HEAD"));
  connection.finish(keepAlive);
}

/** A message that could not be judged has no request to answer; the connection is answered and closed. */
export function refuseMalformed(
  connection: ServerConnection,
  error: CodedError & { readonly status: number },
  accepted: Accepted,
  parts: Parts,
): void {
  count(error, accepted, "unknown", parts);
  const { code, message, fix, status } = error;
  parts.accessLog.write({ direction: accepted.direction, from: accepted.remoteIp, code, status, reason: message });
  connection.write(render({ status, code, message, fix }, false, false));
  connection.close(false);
}

/** A connection whose peer proved no identity: refused once, whatever it sends. One that only went away was not refused. */
export function countUnidentified(error: unknown, { direction }: Accepted, { telemetry }: Parts): void {
  const code = error instanceof CodedError ? error.code : "";
  if (code.startsWith("MTLS_") || code.startsWith("SVID_")) telemetry.denied(direction, "unknown", STRICT_RULE);
}

function count(error: unknown, { direction }: Accepted, peer: string, { telemetry }: Parts): void {
  if (error instanceof PolicyDenied) telemetry.denied(direction, peer, error.rule);
  const code = error instanceof CodedError ? error.code : "";
  if (code.startsWith("HTTP1_") || code === "UPSTREAM_MALFORMED") telemetry.malformed(direction, reason(error, code));
}

function reason(error: unknown, code: string): string {
  const { cause } = error as CodedError;
  return cause instanceof CodedError ? cause.code : code;
}

function refusalOf(error: unknown, traceId: string): Refusal {
  if (!(error instanceof CodedError)) return { ...INTERNAL, code: "INTERNAL", message: messageOf(error), traceId };
  const { code, message, fix } = error;
  const status = (error as { status?: number }).status ?? 502;
  const rule = error instanceof PolicyDenied ? { rule: error.rule } : {};
  return { status, code, message, fix, traceId, ...rule };
}

/** Strangers get a code and a trace id: rules and names are the mesh's own business. */
function tellable(refusal: Refusal, { direction, peer }: Accepted): Refusal {
  if (refusal.code === "INTERNAL") return { ...refusal, message: "internal error" };
  if (direction === "outbound" || peer?.spiffeId !== undefined || refusal.code !== "POLICY_DENIED") return refusal;
  const { status, code, traceId } = refusal;
  const told = { status, code, message: "refused by policy", fix: "ask the service's operators with the trace id" };
  return traceId === undefined ? told : { ...told, traceId };
}

function render(refusal: Refusal, keepAlive: boolean, headOnly: boolean): Uint8Array {
  const { status, rule, ...facts } = refusal;
  const body = `${JSON.stringify(rule === undefined ? facts : { ...facts, rule })}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-outrider-code: ${refusal.code}`,
    ...(rule === undefined ? [] : [`x-outrider-denied-by: ${rule.replace(/[^\x20-\x7e]/g, "?")}`]),
    ...(keepAlive ? [] : ["connection: close"]),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${headOnly ? "" : body}`);
}
