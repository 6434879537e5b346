import { FIELD } from "../core/wire/http1/fields.ts";
import { BODY } from "../core/wire/http1/message.ts";
import { kindSet } from "../core/wire/http1/write.ts";
import { formatTraceparent } from "../core/wire/trace-context.ts";
import type { Received } from "./connections/serve.ts";
import { SidecarError } from "./errors.ts";
import { type RelayOptions, relay, requestHead } from "./http/relay.ts";
import type { Link } from "./link.ts";

/** A request with the connection it goes to. */
export interface Linked extends Received {
  readonly link: Link;
  /** The same way again, on a connection nobody has used before. */
  relink(): Promise<Link>;
}

/** Repeating them asks for nothing new. @see RFC 9110 section 9.2.2 */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
const NOTHING = new Uint8Array(0);
/** Only sidecars speak for the mesh: x-outrider-… of an application or a server outside is dropped. A peer has cleaned its own. */
const FROM_OUTSIDE: RelayOptions = { addedToResponse: NOTHING, dropFromResponse: kindSet(FIELD.outrider) };
const FROM_PEER: RelayOptions = { addedToResponse: NOTHING, dropFromResponse: 0 };

/**
 * Sends the request as it was judged and its response back. Once per request.
 *
 * Sent a second time only on proof that it does no harm: the connection was an idle one and closed, no byte of a response came
 * back, the method is idempotent and there was no body.
 */
export async function forward(linked: Linked): Promise<void> {
  const { exchange, observed, parts } = linked;
  const head = requestHead(exchange, addedFields(linked));
  let { link } = linked;
  const options = link.sidecar ? FROM_PEER : FROM_OUTSIDE;
  const { status } = await relay(exchange, link.connection, head, options).catch(async (error: unknown) => {
    if (!mayRepeat(linked, error)) throw error;
    link = await linked.relink();
    return relay(exchange, link.connection, head, options);
  });
  link.pool.give(link.key, link.connection);
  parts.telemetry.end(observed, { status });
  parts.accessLog.request(observed, { status });
}

function mayRepeat({ exchange, link }: Linked, error: unknown): boolean {
  if (!(error instanceof SidecarError) || error.code !== "UPSTREAM_CLOSED") return false;
  const { reused, answering } = link.connection;
  const { body, method } = exchange.request;
  return reused && !answering && !exchange.gone && body === BODY.none && IDEMPOTENT.has(method);
}

/** What we add to a request: where the trace goes on, and (inbound) who is calling. */
function addedFields({ observed, accepted, exchange }: Received): Uint8Array {
  const { traceId, spanId, sampled } = observed.trace;
  const host = exchange.request.hostEnd === 0 ? `host: ${accepted.socket.localAddress}:${accepted.port}\r\n` : "";
  const caller = accepted.direction === "inbound" ? accepted.peer?.spiffeId : undefined;
  const peer = caller === undefined ? "" : `x-outrider-peer: ${caller}\r\n`;
  return Buffer.from(`${host}traceparent: ${formatTraceparent(traceId, spanId, sampled)}\r\n${peer}`, "latin1");
}
