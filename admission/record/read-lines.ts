import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { CodedError, codedSystemError } from "../../core/base/errors.ts";
import { LOG_LINE_LIMIT_BYTES } from "./chain.ts";

/** Bytes read at once. */
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** One line, without its end; not whole when the file stops in it, or it is too long to go on. */
export interface Line {
  readonly bytes: Uint8Array;
  readonly isWhole: boolean;
}

/**
 * The lines of a file of any size, as bytes: decoding would make different bytes look alike.
 *
 * @throws {CodedError} CONFIG_UNREADABLE
 */
export function* readLines(path: string): Generator<Line, void, undefined> {
  const descriptor = opened(path);
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = readSync(descriptor, chunk);
      if (length === 0) break;
      rest = rest.length === 0 ? chunk.subarray(0, length) : Buffer.concat([rest, chunk.subarray(0, length)]);
      let start = 0;
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, start)) {
        yield { bytes: rest.subarray(start, end), isWhole: end - start <= LOG_LINE_LIMIT_BYTES };
        start = end + 1;
      }
      rest = rest.subarray(start);
      if (rest.length > LOG_LINE_LIMIT_BYTES) break;
    }
    if (rest.length > 0) yield { bytes: rest, isWhole: false };
  } finally {
    closeSync(descriptor);
  }
}

/** A pipe is not waited for: it could keep its reader for ever. */
function opened(path: string): number {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (fstatSync(descriptor).isFile()) return descriptor;
    closeSync(descriptor);
    throw new Error("expected a file, found something else");
  } catch (cause) {
    const { message } = codedSystemError(cause, path);
    const said = message.includes(path) ? message : `${path}: ${message}`;
    throw new CodedError("CONFIG_UNREADABLE", said, "check the path and its permissions", { cause });
  }
}
