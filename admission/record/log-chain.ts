import { existsSync, renameSync, rmSync } from "node:fs";
import type { Clock } from "../../core/base/clock.ts";
import { BEFORE_ALL, chainLine, type Position } from "./chain.ts";
import {
  type Checkpoint,
  type CheckpointKey,
  type CheckpointReason,
  checkpointLine,
  openCheckpointKey,
} from "./checkpoint.ts";
import { LogFile } from "./log-file.ts";
import { type Archive, archiveOf, archivesOf, filesOf, type LogFiles } from "./log-files.ts";
import { LogHead, refuseCut } from "./log-head.ts";

/** What a checkpoint may say besides where it stands. */
type Told = Pick<Checkpoint, "cut" | "lost">;

/** The end of a chain over several files: makes the next line, and knows which file it goes into. */
export class LogChain {
  readonly head: LogHead;
  /** When the current file was begun, and when the last checkpoint was made, in milliseconds since the epoch. */
  begunMs: number;
  signedMs: number;
  /** After the last line that was made; taken back when that line could not be written. */
  position: Position;
  readonly #clock: Clock;
  readonly #keep: number;
  readonly #files: LogFiles;
  readonly #key: CheckpointKey;
  #file: LogFile;
  /** First record of the current file. */
  #first: number;

  /** @throws {CodedError} AUDIT_KEY, AUDIT_CUT, or the system's error */
  constructor(current: string, { clock, keep }: { readonly clock: Clock; readonly keep: number }) {
    this.#clock = clock;
    this.#keep = keep;
    this.#files = filesOf(current);
    this.#key = openCheckpointKey(this.#files);
    this.head = new LogHead(this.#files.head);
    this.#file = new LogFile(current);
    this.position = this.#file.end ?? endOfLast(current);
    refuseCut(this.#files.head, this.position);
    const { seq, at } = this.#file.begun();
    this.signedMs = clock();
    this.begunMs = at ?? this.signedMs;
    this.#first = seq ?? this.position.seq + 1;
  }

  get file(): LogFile {
    return this.#file;
  }

  /** The next line. @param fields  JSON members without braces */
  line(fields: string): string {
    const { line, position } = chainLine(fields, this.position);
    this.position = position;
    return line;
  }

  /** The next line, a checkpoint. */
  checkpoint(why: CheckpointReason, told: Told = {}): string {
    const nowMs = this.#clock();
    const from = this.#kept().at(0)?.first ?? this.#first;
    const checkpoint = { at: new Date(nowMs).toISOString(), why, from, ...told };
    const { line, position } = checkpointLine(checkpoint, this.position, this.#key);
    this.position = position;
    this.signedMs = nowMs;
    return line;
  }

  /** A checkpoint, written by itself. @throws {CodedError} and the chain is where it was */
  sign(why: CheckpointReason, told: Told = {}): string {
    const before = this.position;
    const line = this.checkpoint(why, told);
    try {
      this.#file.append(line);
      return line;
    } catch (thrown) {
      this.position = before;
      throw thrown;
    }
  }

  /** Ends this file, begins the next, and removes what is over the number kept. Runs once per file; waits for the disk. */
  rotate(): void {
    const { current } = this.#files;
    this.sign("rotated");
    this.#file.syncNow();
    if (existsSync(current)) renameSync(current, archiveOf(current, this.#first));
    const next = new LogFile(current);
    this.#file.close();
    this.#file = next;
    this.#first = this.position.seq + 1;
    this.begunMs = this.#clock();
    const line = this.sign("continued");
    next.syncNow();
    this.head.writeNow(line);
    const oldest = this.#kept().at(0)?.first ?? this.#first;
    for (const { file, first } of archivesOf(current)) if (first < oldest) rmSync(file, { force: true });
  }

  /** The last checkpoint, on the disk with everything before it. */
  end(told: Told): void {
    const line = this.sign("closed", told);
    this.#file.syncNow();
    this.head.writeNow(line);
  }

  /** Full files that stay. */
  #kept(): Archive[] {
    const archives = archivesOf(this.#files.current);
    return this.#keep === 0 ? [] : archives.slice(-this.#keep);
  }
}

/** Where a log stands whose current file is not there: a crash came between two files. */
function endOfLast(current: string): Position {
  const last = archivesOf(current).at(-1);
  if (last === undefined) return BEFORE_ALL;
  const file = new LogFile(last.file);
  file.close();
  return file.end ?? BEFORE_ALL;
}
