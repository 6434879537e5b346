import { hash } from "node:crypto";

/** The hash before the first record. */
export const CHAIN_START = "0".repeat(64);
/** Longest line that is written and read, in bytes. */
export const LOG_LINE_LIMIT_BYTES = 4 * 1024 * 1024;

/** Where a chain stands: the number and hash of its last line. */
export interface Position {
  readonly seq: number;
  readonly hash: string;
}

export const BEFORE_ALL: Position = { seq: 0, hash: CHAIN_START };

/** `,"hash":"…"}` at a line's end, in characters. */
const TAIL_CHARS = ',"hash":""}'.length + 64;
const TAIL = /^,"hash":"([0-9a-f]{64})"\}$/;
const HEAD = /^\{"seq":([1-9]\d{0,15}),"prev":"([0-9a-f]{64})",/;

/**
 * One line of a log: `{"seq":n,"prev":hash,…fields…,"hash":hash}`. The hash covers every byte before it, so a changed
 * line breaks the chain, and so does one that was put in, taken out or moved. Runs once per record.
 *
 * @param fields  JSON members without braces, such as `"at":"…","uid":"…"`
 */
export function chainLine(fields: string, { seq, hash: prev }: Position): { line: string; position: Position } {
  const body = `{"seq":${seq + 1},"prev":"${prev}",${fields}`;
  const digest = hash("sha256", body, "hex");
  return { line: `${body},"hash":"${digest}"}\n`, position: { seq: seq + 1, hash: digest } };
}

/** Where a line stands by its own word; `undefined` when it is no line of a log. */
export function positionOf(line: Uint8Array): Position | undefined {
  const head = HEAD.exec(latin1(line, 0, 128));
  const tail = TAIL.exec(latin1(line, Math.max(0, line.length - TAIL_CHARS)));
  const [seq, digest] = [Number(head?.[1]), tail?.[1]];
  return digest !== undefined && Number.isSafeInteger(seq) ? { seq, hash: digest } : undefined;
}

/** What a line says it follows. */
export function previousOf(line: Uint8Array): Position | undefined {
  const [, seq, prev] = HEAD.exec(latin1(line, 0, 128)) ?? [];
  return prev === undefined ? undefined : { seq: Number(seq) - 1, hash: prev };
}

/** The position after a line, or why it does not follow the one before. */
export function followLine(line: Uint8Array, before: Position): Position | string {
  const position = positionOf(line);
  if (position === undefined) return "it is no record with a number at its start and a hash at its end";
  if (hash("sha256", line.subarray(0, -TAIL_CHARS), "hex") !== position.hash)
    return "its content does not match its hash";
  const previous = previousOf(line);
  if (previous?.seq !== before.seq || previous.hash !== before.hash) return `it does not follow record ${before.seq}`;
  return position;
}

function latin1(bytes: Uint8Array, start: number, end = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", start, end);
}
