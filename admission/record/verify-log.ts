import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CodedError } from "../../core/base/errors.ts";
import { BEFORE_ALL, followLine, type Position, previousOf } from "./chain.ts";
import { type Checkpoint, type PublicKey, readCheckpoint, readPublicKey } from "./checkpoint.ts";
import { archivesOf, filesOf, firstOf } from "./log-files.ts";
import { readLines } from "./read-lines.ts";

/** The current file's name in the gate's state folder. */
const LOG_NAME = "decisions.log";

export interface VerifyOptions {
  /** File of the public key; the one beside the log when absent, which proves less: who rewrites a log can rewrite that. */
  readonly key?: string;
  /** A line that somebody kept elsewhere: the log must hold it. */
  readonly expect?: Position;
}

/** Where a log breaks, and why. */
export interface LogBreak {
  readonly file: string;
  /** One-based. */
  readonly line: number;
  /** Number of the record that should stand there. */
  readonly seq: number;
  readonly why: string;
}

/** What a log holds as far as it holds. */
export interface LogSummary {
  readonly files: number;
  readonly records: number;
  readonly checkpoints: number;
  /** First and last line's numbers; 0 when there is none. */
  readonly first: number;
  readonly last: number;
  /** Records after the last checkpoint, which nobody has signed for yet. */
  readonly unsigned: number;
  /** Decisions the log says it could not write. */
  readonly lost: number;
  /** Whether a head, or a line that somebody kept, says how far it must go. */
  readonly anchored: boolean;
  readonly key: string;
  /** Time of the last checkpoint. */
  readonly signedAt?: string;
}

export type LogVerdict =
  | { readonly holds: true; readonly summary: LogSummary }
  | { readonly holds: false; readonly broken: LogBreak; readonly summary: LogSummary };

/**
 * Reads a log from its first line to its last and says whether anything was changed, cut, moved, put in or taken out.
 * Takes as much memory as one line, whatever the log's size.
 *
 * @param path  a folder with all files of a log, or one file of it
 * @throws {CodedError} AUDIT_KEY, CONFIG_UNREADABLE
 */
export function verifyLog(path: string, options: VerifyOptions = {}): LogVerdict {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    throw new CodedError("CONFIG_UNREADABLE", `${path}: no such file or folder`, "check the path");
  const isFolder = found.isDirectory();
  const current = isFolder ? join(path, LOG_NAME) : path;
  const own = filesOf(isFolder ? current : join(dirname(path), LOG_NAME));
  const key = readPublicKey(options.key ?? own.pub);
  const archives = isFolder ? archivesOf(current).map(({ file }) => file) : [];
  const files = [...archives, ...(existsSync(current) || archives.length === 0 ? [current] : [])];
  const head = isFolder ? signedHead(own.head, key) : undefined;
  const kept = typeof head === "string" ? [options.expect] : [options.expect, head];
  const reading = new Reading(
    key,
    kept.filter((one) => one !== undefined),
  );
  const inside = files.reduce<LogBreak | undefined>((found, file) => found ?? reading.file(file), undefined);
  const around = () => reading.missing(isFolder) ?? (typeof head === "string" ? headBreak(own.head, head) : undefined);
  const broken = inside ?? around();
  const summary = reading.summary();
  return broken === undefined ? { holds: true, summary } : { holds: false, broken, summary };
}

/** @returns what the head file says, `undefined` when there is none, or why it says nothing */
function signedHead(file: string, key: PublicKey): Position | string | undefined {
  if (!existsSync(file)) return undefined;
  const line = readLines(file).next().value;
  if (line?.isWhole !== true) return "the head is no whole line";
  const position = followLine(line.bytes, previousOf(line.bytes) ?? BEFORE_ALL);
  if (typeof position === "string") return `the head is none: ${position}`;
  const checkpoint = readCheckpoint(line.bytes, key);
  if (checkpoint === undefined) return "the head is none: it is no checkpoint";
  return typeof checkpoint === "string" ? `the head is none: ${checkpoint}` : position;
}

function headBreak(file: string, why: string): LogBreak {
  return { file: basename(file), line: 1, seq: 0, why: `${why}; nothing shows where the log ended` };
}

class Reading {
  readonly #key: PublicKey;
  #position: Position | undefined;
  /** Before the first line. */
  #start: Position = BEFORE_ALL;
  #place = { file: "", line: 0 };
  #first = { file: "", line: 1 };
  #files = 0;
  #records = 0;
  #checkpoints = 0;
  #unsigned = 0;
  #lost = 0;
  #newest: Checkpoint | undefined;
  readonly #known: readonly Position[];

  /** @param known  lines that somebody kept */
  constructor(key: PublicKey, known: readonly Position[]) {
    this.#key = key;
    this.#known = known;
  }

  file(path: string): LogBreak | undefined {
    this.#files++;
    let line = 0;
    for (const { bytes, isWhole } of readLines(path)) {
      line++;
      this.#place = { file: basename(path), line };
      const why = isWhole ? this.#line(bytes, line) : "it is cut, or longer than a record can be";
      if (why !== undefined) return this.#broken(why);
    }
    if (line > 0 || firstOf(path) === undefined) return undefined;
    this.#place = { file: basename(path), line: 1 };
    return this.#broken("it is empty, and a full file never is");
  }

  /**
   * What lines that hold should have around them, too: every line that is known, and in a folder the files before the
   * first.
   */
  missing(isFolder: boolean): LogBreak | undefined {
    const end = this.#position ?? this.#start;
    const from = this.#newest?.from ?? 1;
    if (isFolder && this.#start.seq + 1 > from) {
      const why = `records ${from} to ${this.#start.seq} are missing, and the log did not remove them itself`;
      return { ...this.#first, seq: from, why };
    }
    const gone = this.#known.find(({ seq }) => seq <= this.#start.seq);
    if (gone !== undefined) {
      const why = `the log begins with record ${this.#start.seq + 1}, and record ${gone.seq} is known to have been written`;
      return { ...this.#first, seq: gone.seq, why };
    }
    const beyond = this.#known.find(({ seq }) => seq > end.seq);
    if (beyond === undefined) return undefined;
    const why = `the log ends before this line, and record ${beyond.seq} is known to have been written`;
    return { ...this.#place, line: this.#place.line + 1, seq: end.seq + 1, why };
  }

  summary(): LogSummary {
    const signedAt = this.#newest === undefined ? {} : { signedAt: this.#newest.at };
    return {
      files: this.#files,
      records: this.#records,
      checkpoints: this.#checkpoints,
      first: this.#position === undefined ? 0 : this.#start.seq + 1,
      last: this.#position?.seq ?? 0,
      unsigned: this.#unsigned,
      lost: this.#lost,
      anchored: this.#known.length > 0,
      key: this.#key.id,
      ...signedAt,
    };
  }

  /** @returns why the line does not hold */
  #line(bytes: Uint8Array, line: number): string | undefined {
    const before = this.#position ?? previousOf(bytes) ?? BEFORE_ALL;
    if (this.#position === undefined) {
      this.#start = before;
      this.#first = this.#place;
    }
    const next = followLine(bytes, before);
    if (typeof next === "string") return next;
    const checkpoint = readCheckpoint(bytes, this.#key);
    if (typeof checkpoint === "string") return checkpoint;
    if (line === 1 && checkpoint === undefined) return "a file begins with a checkpoint, and this one does not";
    if (this.#position === undefined && before.seq === 0 && before.hash !== BEFORE_ALL.hash)
      return "it is the first record, and says that it follows another";
    if (this.#known.some(({ seq, hash }) => seq === next.seq && hash !== next.hash))
      return "it is another record than the one that is known to have been written";
    this.#position = next;
    if (checkpoint === undefined) {
      this.#records++;
      this.#unsigned++;
    } else {
      this.#checkpoints++;
      this.#unsigned = 0;
      this.#lost += checkpoint.lost ?? 0;
      this.#newest = checkpoint;
    }
    return undefined;
  }

  #broken(why: string): LogBreak {
    return { ...this.#place, seq: this.#position === undefined ? this.#begins() : this.#position.seq + 1, why };
  }

  /** Number of the first record, whose own word for it cannot be trusted where it does not hold. */
  #begins(): number {
    return firstOf(this.#place.file) ?? (this.#start.hash === BEFORE_ALL.hash ? 1 : this.#start.seq + 1);
  }
}
