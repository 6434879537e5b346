import { createHash } from "node:crypto";
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { codedSystemError } from "../../core/base/errors.ts";
import type { Closable } from "../../core/base/lifecycle.ts";

/** What one decision leaves behind. Flat and small; the order of its fields is the order in the file. */
export interface DecisionRecord {
  readonly at: string;
  readonly uid: string;
  readonly door: "validate" | "mutate";
  readonly subject: string;
  readonly operation: string;
  readonly user: string;
  readonly outcome: string;
  readonly unjudged?: string;
  readonly images: readonly {
    readonly path: string;
    readonly image: string;
    readonly digest?: string;
    readonly signers: readonly string[];
    readonly scan: string;
  }[];
  /** Violations that are not listed, when there were too many. */
  readonly omitted?: number;
  readonly violations: readonly {
    readonly code: string;
    readonly path: string;
    readonly rule: string;
    readonly mode: string;
  }[];
}

/** The hash before the first record. */
export const CHAIN_START = "0".repeat(64);
/** Longest line that is read back when a log is opened, in bytes. */
export const LOG_LINE_LIMIT_BYTES = 4 * 1024 * 1024;

/** A file of JSON lines, each holding the hash of itself and the line before: a changed line breaks the chain. */
export interface DecisionLog extends Closable {
  /** @throws {CodedError} DISK_FULL, or the system's error: the record was not written */
  append(record: DecisionRecord): void;
}

interface Position {
  readonly seq: number;
  readonly hash: string;
}

/** Opens a log and goes on where it ends. A last line cut by a crash is removed, since nobody was answered by it. */
export function openDecisionLog(file: string): DecisionLog {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, "a+", 0o600);
  let position = resume(descriptor, file);
  return {
    append: (record) => {
      const line = chainLine(record, position);
      const { size } = fstatSync(descriptor);
      try {
        writeFileSync(descriptor, line.text);
      } catch (thrown) {
        ftruncateSync(descriptor, size); // half a line would break the chain for every record after it
        throw codedSystemError(thrown, file);
      }
      position = line.position;
    },
    close: () => closeSync(descriptor),
  };
}

/** One line: `{"seq":n,"prev":hash,…record…,"hash":hash}`; the hash covers everything before it. */
export function chainLine(record: DecisionRecord, { seq, hash: prev }: Position): { text: string; position: Position } {
  const body = JSON.stringify({ seq: seq + 1, prev, ...record });
  const hash = hashOf(body);
  return { text: `${body.slice(0, -1)},"hash":"${hash}"}\n`, position: { seq: seq + 1, hash } };
}

/** Where a chain breaks, and why; `undefined` when it holds. */
export interface ChainBreak {
  /** One-based. */
  readonly line: number;
  readonly why: string;
}

/** Follows the chain through a log's lines. Runs over a file of any length without keeping it. */
export function verifyChain(lines: Iterable<string>): ChainBreak | undefined {
  let position: Position = { seq: 0, hash: CHAIN_START };
  let line = 0;
  for (const text of lines) {
    line++;
    const next = followLine(text, position);
    if (typeof next === "string") return { line, why: next };
    position = next;
  }
  return undefined;
}

const LINE_END = /,"hash":"([0-9a-f]{64})"\}$/;

function followLine(text: string, before: Position): Position | string {
  const hash = LINE_END.exec(text)?.[1];
  if (hash === undefined) return "no record with a hash at its end";
  const body = `${text.slice(0, -`,"hash":"${hash}"}`.length)}}`;
  if (hashOf(body) !== hash) return "its content does not match its hash";
  const start = `{"seq":${before.seq + 1},"prev":"${before.hash}",`;
  if (!body.startsWith(start)) return `it does not follow record ${before.seq}`;
  return { seq: before.seq + 1, hash };
}

function resume(descriptor: number, file: string): Position {
  const { size } = fstatSync(descriptor);
  const start = Math.max(0, size - LOG_LINE_LIMIT_BYTES);
  const tail = Buffer.alloc(size - start);
  readSync(descriptor, tail, 0, tail.length, start);
  const whole = tail.lastIndexOf(0x0a) + 1;
  if (whole < tail.length) ftruncateSync(descriptor, start + whole);
  const line = tail.subarray(0, whole).toString("utf8").trimEnd().split("\n").at(-1) ?? "";
  if (line === "") return { seq: 0, hash: CHAIN_START };
  const seq = Number(/^\{"seq":(\d+),/.exec(line)?.[1]);
  const hash = LINE_END.exec(line)?.[1];
  if (hash !== undefined && Number.isSafeInteger(seq)) return { seq, hash };
  throw codedSystemError(new Error("its last line is no decision record"), file);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
