import { SidecarError } from "../errors.ts";

/** Cuts a byte stream into lines of UTF-8 text, each at most `limitBytes` long. */
export function lineReader(limitBytes: number): (chunk: Buffer) => string[] {
  let held: Buffer[] = [];
  let heldBytes = 0;
  return (chunk) => {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      lines.push(Buffer.concat([...held, chunk.subarray(from, at)]).toString("utf8"));
      held = [];
      heldBytes = 0;
      from = at + 1;
    }
    held.push(chunk.subarray(from));
    heldBytes += chunk.length - from;
    if (heldBytes <= limitBytes) return lines;
    throw new SidecarError("CONTROL_SNAPSHOT_INVALID", `a line over ${limitBytes} bytes`);
  };
}
