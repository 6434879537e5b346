import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { CodedError, messageOf } from "../../core/base/errors.ts";
import { COLLECTOR_ERRORS } from "../errors.ts";
import type { Hold } from "./intake.ts";

/** Largest request, in bytes, both as sent and decompressed. @see OpenTelemetry Collector, confighttp's default */
export const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

const unzip = promisify(gunzip);
/** One after the other: each may grow a thousandfold. */
let unzipping: Promise<unknown> = Promise.resolve();

/**
 * The body of a request, decompressed.
 *
 * @param hold  what it holds of the memory for bodies; the caller releases it
 * @throws {CodedError} COLLECTOR_BODY_TOO_LARGE, COLLECTOR_BODY_BROKEN, COLLECTOR_MEMORY_PRESSURE
 */
export async function readBody(request: IncomingMessage, hold: Hold, limit = BODY_LIMIT_BYTES): Promise<Uint8Array> {
  const raw = await collect(request, hold, limit);
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return raw;
  if (encoding !== "gzip") throw broken(`content-encoding ${encoding}`);
  try {
    const unzipped = unzipping.then(() => unzip(raw, { maxOutputLength: limit }));
    unzipping = unzipped.catch(() => {});
    const body = await unzipped;
    hold.take(body.length);
    return body;
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    const tooLarge = (cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    throw tooLarge ? largerThan(limit) : broken(messageOf(cause), cause);
  }
}

async function collect(request: IncomingMessage, hold: Hold, limit: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw largerThan(limit);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // the socket must live on to carry the answer
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw largerThan(limit);
      hold.take(chunk.length);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof CodedError ? cause : broken(messageOf(cause), cause);
  }
  return Buffer.concat(chunks, size);
}

function largerThan(limit: number): CodedError {
  const { fix } = COLLECTOR_ERRORS.COLLECTOR_BODY_TOO_LARGE;
  return new CodedError("COLLECTOR_BODY_TOO_LARGE", `telemetry request: larger than ${limit} bytes`, fix);
}

function broken(what: string, cause?: unknown): CodedError {
  const { fix } = COLLECTOR_ERRORS.COLLECTOR_BODY_BROKEN;
  return new CodedError("COLLECTOR_BODY_BROKEN", `telemetry request: ${what}`, fix, { cause });
}
