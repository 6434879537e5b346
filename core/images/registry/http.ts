import { asError, CodedError, messageOf } from "../../base/errors.ts";
import { IMAGES_ERRORS, type ImagesCode } from "../errors.ts";
import { HEADERS_LIMIT_BYTES, REDIRECTS_PER_REQUEST, REQUEST_DEADLINE_MS } from "../limits.ts";
import { refuseReservedHost } from "./address-guard.ts";
import type { RegistryHosts } from "./hosts.ts";
import type { Incoming, Transport } from "./transport.ts";

/** One answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  /** Where it came from after redirects. */
  readonly url: URL;
}

export interface Ask {
  readonly url: URL;
  readonly accept: string;
  /** Sent to the first host only, never after a redirect to another. */
  readonly authorization?: string;
  readonly limitBytes: number;
  readonly signal: AbortSignal;
  /** The thing first, for messages: "127.0.0.4:5000/shop/web:1". */
  readonly what: string;
}

/** GET with every bound applied. Statuses are the caller's to judge; anything that is not a whole answer throws. */
export interface RegistryHttp {
  get(ask: Ask): Promise<Answer>;
  close(): Promise<void>;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function createRegistryHttp(
  hosts: RegistryHosts,
  transport: Transport,
  requestDeadlineMs = REQUEST_DEADLINE_MS,
): RegistryHttp {
  const way: Way = { hosts, transport };
  return {
    get: (ask) => {
      const signal = AbortSignal.any([ask.signal, AbortSignal.timeout(requestDeadlineMs)]);
      return follow({ ...ask, signal }, way);
    },
    close: () => transport.close(),
  };
}

interface Way {
  readonly hosts: RegistryHosts;
  readonly transport: Transport;
}

async function follow(ask: Ask, way: Way): Promise<Answer> {
  let next = ask;
  for (let hop = 0; hop <= REDIRECTS_PER_REQUEST; hop++) {
    const answer = await once(next, way);
    const location = REDIRECTS.has(answer.status) ? headerOf(answer, "location") : undefined;
    if (location === undefined) return answer;
    next = redirected(next, location, way.hosts);
  }
  throw failure("REGISTRY_REDIRECT_REFUSED", `${ask.what}: more than ${REDIRECTS_PER_REQUEST} redirects`);
}

function redirected(ask: Ask, location: string, hosts: RegistryHosts): Ask {
  const url = URL.canParse(location, ask.url) ? new URL(location, ask.url) : undefined;
  const sameOrigin = url?.origin === ask.url.origin;
  if (url === undefined || url.username !== "" || (!sameOrigin && !hosts.mayFollow(url))) {
    const shown = url === undefined ? location.slice(0, 80) : url.origin;
    throw failure("REGISTRY_REDIRECT_REFUSED", `${ask.what}: redirected to ${shown}, which must not be asked`);
  }
  if (sameOrigin) return { ...ask, url };
  const { authorization: _kept, ...bare } = ask;
  return { ...bare, url };
}

async function once(ask: Ask, { hosts, transport }: Way): Promise<Answer> {
  try {
    if (!hosts.isConfigured(ask.url)) refuseReservedHost(ask.url);
    const headers = {
      accept: ask.accept,
      "accept-encoding": "identity",
      "user-agent": "outrider",
      ...(ask.authorization === undefined ? {} : { authorization: ask.authorization }),
    };
    const answer = await transport.send({ method: "GET", url: ask.url, headers, signal: ask.signal });
    const body = await readBody(answer, ask);
    return { status: answer.status, headers: answer.headers, body, url: ask.url };
  } catch (thrown) {
    throw codedFailure(thrown, ask);
  }
}

/** Reads until the limit and not a byte further; a declared length that is not kept is a failure, not a shorter body. */
async function readBody(answer: Incoming, ask: Ask): Promise<Uint8Array> {
  try {
    refuseUnwanted(answer, ask);
  } catch (thrown) {
    answer.discard();
    throw thrown;
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    if (size > ask.limitBytes) throw tooLarge(ask);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** What the headers give away already: a coding that was not asked for could hide any size, an announced size is known. */
function refuseUnwanted(answer: Incoming, ask: Ask): void {
  const encoding = headerOf(answer, "content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    const shown = encoding.slice(0, 40);
    throw failure("REGISTRY_MALFORMED", `${ask.what}: answered with content-encoding ${shown}, not asked for`);
  }
  if (Number(headerOf(answer, "content-length") ?? 0) > ask.limitBytes) throw tooLarge(ask);
}

function tooLarge({ what, limitBytes }: Ask): CodedError {
  return failure("REGISTRY_TOO_LARGE", `${what}: answer is larger than ${limitBytes} bytes`);
}

export function headerOf(answer: Pick<Answer, "headers">, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function failure(code: ImagesCode, message: string, cause?: unknown): CodedError {
  return new CodedError(code, message, IMAGES_ERRORS[code].fix, { cause });
}

function codedFailure(thrown: unknown, ask: Ask): Error {
  if (thrown instanceof CodedError) return thrown;
  const inner = (thrown as { cause?: unknown } | undefined)?.cause;
  if (inner instanceof CodedError) return inner;
  if (ask.signal.aborted || isTimeout(thrown)) {
    return failure("REGISTRY_TIMEOUT", `${ask.what}: no whole answer from ${ask.url.host} in time`, asError(thrown));
  }
  if ((thrown as { code?: unknown } | undefined)?.code === "UND_ERR_HEADERS_OVERFLOW") {
    return failure("REGISTRY_TOO_LARGE", `${ask.what}: headers are larger than ${HEADERS_LIMIT_BYTES} bytes`, thrown);
  }
  return failure("REGISTRY_UNREACHABLE", `${ask.what}: ${ask.url.host}: ${messageOf(thrown)}`, asError(thrown));
}

function isTimeout(thrown: unknown): boolean {
  return /Timeout/.test((thrown as { name?: string } | undefined)?.name ?? "");
}
