import { type EmbeddedRegistry, startRegistry } from "../../cli/demo/registry/registry.ts";
import { type Exchange, emptyReply, type Fault, jsonReply, type Reply } from "../../cli/demo/registry/reply.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../core/images/media-types.ts";

/** What a client sent, for asserting what it must not send. */
export interface Request {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
}

/** The embedded registry, well-behaved until told otherwise. */
export interface FaultyRegistry extends EmbeddedRegistry {
  /** Applies from the next request on; several add up in order. */
  inject(...faults: readonly Fault[]): void;
  /** Well-behaved again, and forgets what was asked. */
  calm(): void;
  readonly requests: readonly Request[];
}

/**
 * A registry that lies, dawdles and breaks off on demand. Push and sign while it is calm, then inject:
 *
 *   const registry = await startFaultyRegistry();
 *   registry.inject(on(/referrers/, status(500)));
 */
export async function startFaultyRegistry(host = "127.0.0.1"): Promise<FaultyRegistry> {
  const active: Fault[] = [];
  const requests: Request[] = [];
  const fault: Fault = async (exchange) => {
    const { method, url, headers } = exchange;
    requests.push({ method, url, authorization: headers["authorization"] as string | undefined });
    let { reply } = exchange;
    for (const one of active) reply = (await one({ ...exchange, reply })) ?? reply;
    return reply;
  };
  const registry = await startRegistry({ host, port: 0, faults: [fault] });
  return {
    ...registry,
    requests,
    inject: (...faults) => void active.push(...faults),
    calm: () => {
      active.length = 0;
      requests.length = 0;
    },
  };
}

/** Limits a fault to reads of matching paths. */
export function on(path: RegExp, fault: Fault): Fault {
  return (exchange) => (exchange.method === "GET" && path.test(exchange.url) ? fault(exchange) : undefined);
}

/** Only the n-th matching request, counted from 1, and those after it. */
export function fromTimes(n: number, fault: Fault): Fault {
  let times = 0;
  return (exchange) => (++times >= n ? fault(exchange) : undefined);
}

export function status(code: number, headers: Readonly<Record<string, string>> = {}): Fault {
  return () => ({ ...jsonReply(code, { errors: [] }), headers });
}

export function redirectTo(location: string, code = 307): Fault {
  return () => emptyReply(code, { location });
}

/** Other bytes under the headers of the true ones. */
export function serve(bytes: Uint8Array | string): Fault {
  return ({ reply }) => ({ ...reply, body: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes });
}

export function withHeaders(headers: Readonly<Record<string, string>>): Fault {
  return ({ reply }) => ({ ...reply, headers: { ...reply.headers, ...headers } });
}

/** Announces the whole length and closes after so many bytes. */
export function truncate(cutAfterBytes: number): Fault {
  return ({ reply }) => ({ ...reply, cutAfterBytes });
}

/** Bytes without an end. */
export function endless(): Fault {
  const piece = new Uint8Array(1024 * 1024).fill(0x20);
  return ({ reply }) => ({
    ...reply,
    body: (async function* () {
      for (;;) yield piece;
    })(),
  });
}

/** One byte, then one every so often, never finished: a slow loris. */
export function dawdle(pauseMs: number): Fault {
  return ({ reply }) => ({
    ...reply,
    body: (async function* () {
      for (;;) {
        yield new Uint8Array([0x20]);
        await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
      }
    })(),
  });
}

/** Answers 401 until the token comes back; serves the token at /token. */
export function demandToken(host: string, token: string, realm = `http://${host}/token`): Fault {
  return ({ url, headers }) => {
    if (url.startsWith("/token")) return jsonReply(200, { token, expires_in: 300 });
    if (headers["authorization"] === `Bearer ${token}`) return undefined;
    return status(401, { "www-authenticate": `Bearer realm="${realm}",service="test"` })({} as Exchange) as Reply;
  };
}

/** A page of referrers that are not there, each page leading to the next. */
export function floodReferrers(perPage: number): Fault {
  let page = 0;
  return () => {
    page++;
    const manifests = Array.from({ length: perPage }, (_, index) => ({
      mediaType: OCI_MANIFEST,
      digest: `sha256:${(page * perPage + index).toString(16).padStart(64, "0")}`,
      size: 500,
    }));
    const headers = { "content-type": OCI_INDEX, link: `</v2/shop/web/referrers/next?page=${page}>; rel="next"` };
    return jsonReply(200, { schemaVersion: 2, mediaType: OCI_INDEX, manifests }, headers);
  };
}
