import { asError, CodedError, messageOf } from "../../base/errors.ts";
import { HEADERS_LIMIT_BYTES, REDIRECTS_PER_REQUEST, REQUEST_DEADLINE_MS } from "../limits.ts";
import { refuseReservedHost } from "./address-guard.ts";
import { type Answer, failure, headerOf } from "./answer.ts";
import type { RegistryHosts } from "./hosts.ts";
import type { Traffic } from "./traffic/traffic.ts";
import type { Incoming, Transport } from "./transport.ts";

export interface Ask {
  readonly url: URL;
  readonly accept: string;
  /** Sent to the first host only, never after a redirect to another. */
  readonly authorization?: string;
  /** Sent as a POST instead of a GET, and never after a redirect. */
  readonly form?: URLSearchParams;
  readonly limitBytes: number;
  readonly signal: AbortSignal;
  /** The thing first, for messages: "127.0.0.4:5000/shop/web:1". */
  readonly what: string;
}

/** One request with every bound applied. Statuses are the caller's to judge; what is not a whole answer throws. */
export interface RegistryHttp {
  send(ask: Ask): Promise<Answer>;
  close(): Promise<void>;
}

export interface HttpParts {
  readonly hosts: RegistryHosts;
  readonly transport: Transport;
  readonly traffic: Traffic;
  /** Longest wait for one request with its redirects and pauses, in milliseconds. */
  readonly requestDeadlineMs?: number;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function createRegistryHttp(parts: HttpParts): RegistryHttp {
  const { requestDeadlineMs = REQUEST_DEADLINE_MS } = parts;
  return {
    send: (ask) => {
      const signal = AbortSignal.any([ask.signal, AbortSignal.timeout(requestDeadlineMs)]);
      return follow({ ...ask, signal }, parts);
    },
    close: () => parts.transport.close(),
  };
}

async function follow(ask: Ask, parts: HttpParts): Promise<Answer> {
  let next = ask;
  for (let hop = 0; hop <= REDIRECTS_PER_REQUEST; hop++) {
    const { url, what, signal } = next;
    const asked = next;
    const sent = url.host === ask.url.host ? {} : { sentBy: ask.url.host };
    const answer = await parts.traffic.send({ host: url.host, ...sent, what, signal }, () => exchange(asked, parts));
    const location = REDIRECTS.has(answer.status) ? headerOf(answer, "location") : undefined;
    if (location === undefined) return answer;
    next = redirected(next, location, parts.hosts);
  }
  throw failure("REGISTRY_REDIRECT_REFUSED", `${ask.what}: more than ${REDIRECTS_PER_REQUEST} redirects`);
}

/** What to ask next: with the authorization on the same origin, without it elsewhere, and a form nowhere else. */
function redirected(ask: Ask, location: string, hosts: RegistryHosts): Ask {
  const url = URL.canParse(location, ask.url) ? new URL(location, ask.url) : undefined;
  const sameOrigin = url?.origin === ask.url.origin && url.origin !== "null";
  const forbidden = url === undefined || url.username !== "" || ask.form !== undefined;
  if (forbidden || (!sameOrigin && !hosts.mayFollow(url))) {
    const shown = url === undefined ? location.slice(0, 80) : `${url.protocol}//${url.host}`;
    throw failure("REGISTRY_REDIRECT_REFUSED", `${ask.what}: redirected to ${shown}, which must not be asked`);
  }
  if (sameOrigin) return { ...ask, url };
  const { authorization: _kept, ...bare } = ask;
  return { ...bare, url };
}

async function exchange(ask: Ask, { hosts, transport }: HttpParts): Promise<Answer> {
  const { url, signal, form } = ask;
  try {
    if (!hosts.isConfigured(url)) refuseReservedHost(url);
    const method = form === undefined ? "GET" : "POST";
    const body = form === undefined ? {} : { body: form.toString() };
    const incoming = await transport.send({ method, url, headers: headersOf(ask), signal, ...body });
    return { status: incoming.status, headers: incoming.headers, body: await readBody(incoming, ask), url };
  } catch (thrown) {
    throw codedFailure(thrown, ask);
  }
}

function headersOf({ accept, authorization, form }: Ask): Record<string, string> {
  return {
    accept,
    "accept-encoding": "identity",
    "user-agent": "outrider",
    ...(authorization === undefined ? {} : { authorization }),
    ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
  };
}

/** Reads until the limit and not a byte further; a declared length that is not kept is a failure, not a shorter body. */
async function readBody(incoming: Incoming, ask: Ask): Promise<Uint8Array> {
  try {
    refuseUnwanted(incoming, ask);
  } catch (thrown) {
    incoming.discard();
    throw thrown;
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming.body) {
    size += chunk.byteLength;
    if (size > ask.limitBytes) throw tooLarge(ask);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** What the headers give away already: a coding that was not asked for could hide any size, an announced size is known. */
function refuseUnwanted(incoming: Incoming, ask: Ask): void {
  const encoding = headerOf(incoming, "content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    const shown = encoding.slice(0, 40);
    throw failure("REGISTRY_ENCODING_REFUSED", `${ask.what}: answered with content-encoding ${shown}, not asked for`);
  }
  if (Number(headerOf(incoming, "content-length") ?? 0) > ask.limitBytes) throw tooLarge(ask);
}

function tooLarge({ what, limitBytes }: Ask): CodedError {
  return failure("REGISTRY_TOO_LARGE", `${what}: answer is larger than ${limitBytes} bytes`);
}

function codedFailure(thrown: unknown, { what, url, signal }: Ask): Error {
  const { cause, code, name = "" } = (thrown ?? {}) as { cause?: unknown; code?: unknown; name?: string };
  for (const one of [thrown, cause]) if (one instanceof CodedError) return one;
  if (signal.aborted || /Timeout/.test(name)) {
    return failure("REGISTRY_TIMEOUT", `${what}: no whole answer from ${url.host} in time`, asError(thrown));
  }
  if (code === "UND_ERR_HEADERS_OVERFLOW") {
    return failure("REGISTRY_TOO_LARGE", `${what}: headers are larger than ${HEADERS_LIMIT_BYTES} bytes`, thrown);
  }
  return failure("REGISTRY_UNREACHABLE", `${what}: ${url.host}: ${messageOf(thrown)}`, asError(thrown));
}
