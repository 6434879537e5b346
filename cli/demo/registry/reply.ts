/** What the registry is about to answer; a fault may change any of it. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Whole, or piece by piece for an answer that dawdles. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  /** Cut the connection after so many bytes of the body. */
  readonly cutAfterBytes?: number;
  /** Reset the connection instead of answering. */
  readonly reset?: boolean;
  /** Send headers one byte at a time, so many milliseconds apart, without an end. */
  readonly dripHeadersMs?: number;
}

/** One request as a fault sees it. */
export interface Exchange {
  readonly method: string;
  /** "/v2/shop/web/manifests/1?…" */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  readonly reply: Reply;
}

/** Changes an answer on its way out; `undefined` leaves it as it is. */
export type Fault = (exchange: Exchange) => Reply | undefined | Promise<Reply | undefined>;

export function jsonReply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  const body = new TextEncoder().encode(JSON.stringify(value));
  return { status, headers: { "content-type": "application/json", ...headers }, body };
}

export function emptyReply(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: new Uint8Array() };
}

/** @see distribution-spec "Error Codes" */
export function errorReply(status: number, code: string, message: string): Reply {
  return jsonReply(status, { errors: [{ code, message }] });
}
