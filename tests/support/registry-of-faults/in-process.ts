import type { EmbeddedRegistry } from "../../../cli/demo/registry/registry.ts";
import type { Reply } from "../../../cli/demo/registry/reply.ts";
import { HEADERS_LIMIT_BYTES } from "../../../core/images/limits.ts";
import type { Exchange, Incoming, Transport } from "../../../core/images/registry/transport.ts";

/**
 * A transport to registries in this process, by the host a client asks: no socket, no port, no name resolution, and a
 * request costs microseconds. Hosts may have any name, over https too. A fault that breaks a connection breaks the
 * answer here in the same place, with the error code that undici would give.
 */
export function inProcess(byHost: Readonly<Record<string, Pick<EmbeddedRegistry, "answer">>>): Transport {
  return {
    send: async (exchange) => {
      const { method, url, headers, body = "", signal } = exchange;
      const registry = byHost[url.host];
      if (registry === undefined) throw broken("ENOTFOUND", `getaddrinfo ENOTFOUND ${url.hostname}`);
      const call = { method, url: url.pathname + url.search, headers, body: new TextEncoder().encode(body) };
      const reply = await orAborted(registry.answer(call), signal);
      if (reply.reset === true) throw broken("ECONNRESET", "read ECONNRESET");
      if (reply.dripHeadersMs !== undefined) return orAborted(new Promise<never>(() => {}), signal);
      return incoming(reply, exchange);
    },
    close: async () => {},
  };
}

function incoming(reply: Reply, { signal }: Exchange): Incoming {
  const length = reply.body instanceof Uint8Array ? { "content-length": String(reply.body.byteLength) } : {};
  const headers: Record<string, string> = { ...length };
  for (const [name, value] of Object.entries(reply.headers)) headers[name.toLowerCase()] = value;
  const size = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  if (size > HEADERS_LIMIT_BYTES) throw broken("UND_ERR_HEADERS_OVERFLOW", "Headers Overflow Error");
  const body =
    reply.body instanceof Uint8Array ? whole(reply, reply.body, headers, signal) : pieces(reply.body, signal);
  return { status: reply.status, headers, body, discard: () => {} };
}

/** As a socket would deliver it: not past the announced length, cut where it is cut, waiting for what never comes. */
async function* whole(
  { cutAfterBytes }: Reply,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const announced = Number(headers["content-length"]);
  const sent = bytes.subarray(0, Math.min(announced, cutAfterBytes ?? Number.POSITIVE_INFINITY));
  if (sent.byteLength > 0) yield sent;
  if (sent.byteLength === announced) return;
  if (cutAfterBytes !== undefined) throw broken("UND_ERR_SOCKET", "other side closed");
  await orAborted(new Promise<never>(() => {}), signal);
}

async function* pieces(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await orAborted(iterator.next(), signal);
    if (done === true) return;
    yield value;
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function broken(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
