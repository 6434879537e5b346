import { refused } from "../errors.ts";

/**
 * Splits a byte stream into lines of UTF-8, bounded. Runs once per chunk; holds at most one line and one chunk.
 *
 * @param limitBytes  a longer line makes the call throw; the caller closes the connection
 */
export function createLineReader(limitBytes: number): (chunk: Uint8Array) => string[] {
  let pieces: Uint8Array[] = [];
  let held = 0;
  return (chunk) => {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (held + end - start > limitBytes) throw tooLong(limitBytes);
      lines.push(Buffer.concat([...pieces, chunk.subarray(start, end)]).toString("utf8"));
      pieces = [];
      held = 0;
      start = end + 1;
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
    held += chunk.length - start;
    if (held > limitBytes) throw tooLong(limitBytes);
    return lines;
  };
}

const NEWLINE = 0x0a;

function tooLong(limitBytes: number): Error {
  return refused("STREAM_LINE", `snapshot stream: a line longer than ${limitBytes} bytes`);
}
