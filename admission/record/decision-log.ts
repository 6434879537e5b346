import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { SECOND_MS } from "../../core/base/clock.ts";
import { asError } from "../../core/base/errors.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import { LOG_LINE_LIMIT_BYTES, type Position } from "./chain.ts";
import type { CheckpointReason } from "./checkpoint.ts";
import type { DecisionRecord } from "./decision-record.ts";
import { LogChain } from "./log-chain.ts";
import { filesOf } from "./log-files.ts";
import { type LogLock, lockLog } from "./log-lock.ts";
import { type DecisionLogOptions, LOG_DEFAULTS, type LogStatus } from "./log-options.ts";

/** Characters of lines that wait for the end of the event loop's turn; more are written at once. */
export const BATCH_LIMIT_CHARS = 256 * 1024;

/** A chain of JSON lines in files, each line holding the hash of the one before, with signed checkpoints between. */
export interface DecisionLog extends Closable {
  /**
   * Runs once per decision. Resolves when the line is with the kernel, or on disk with `sync: "write"`.
   *
   * @throws (rejects) {CodedError} DISK_FULL, or the system's error: the record was not written
   */
  append(record: DecisionRecord): Promise<void>;
  status(): LogStatus;
  close(): Promise<void>;
}

/**
 * Opens a log and goes on where it ends. A last line cut by a crash is removed, and the next checkpoint says so.
 *
 * @param current  the file that is written: ".../decisions.log"; full files, key and head stand beside it
 * @throws {CodedError} AUDIT_IN_USE, AUDIT_KEY, AUDIT_CUT, or the system's error
 */
export function openDecisionLog(current: string, options: DecisionLogOptions = LOG_DEFAULTS): DecisionLog {
  mkdirSync(dirname(current), { recursive: true, mode: 0o700 });
  const lock = lockLog(filesOf(current).lock);
  try {
    return new Writer(current, options, lock);
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

/** Lines of one turn of the event loop. */
interface Batch {
  readonly lines: string[];
  readonly before: Position;
  readonly done: PromiseWithResolvers<void>;
  chars: number;
  records: number;
}

class Writer implements DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #chain: LogChain;
  readonly #lock: LogLock;
  readonly #timer: NodeJS.Timeout;
  #batch: Batch | undefined;
  /** Answers wait for this one; with `sync: "checkpoint"` none does. */
  #syncing: Promise<void> | undefined;
  /** The disk is on its way to the newest checkpoint. */
  #heading: Promise<void> | undefined;
  /** Records since the last checkpoint. */
  #unsigned = 0;
  #written = 0;
  #lost = 0;
  /** Lost, and not yet said so in the log. */
  #unsaid = 0;
  #failure: Error | undefined;

  constructor(current: string, options: DecisionLogOptions, lock: LogLock) {
    this.#options = options;
    this.#lock = lock;
    this.#chain = new LogChain(current, options);
    const { cut } = this.#chain.file;
    this.#attempt(() => this.#chain.sign("opened", cut > 0 ? { cut } : {}));
    this.#anchor();
    this.#timer = setInterval(() => this.#tick(), Math.min(options.checkpointEvery.ms, SECOND_MS)).unref();
  }

  append(record: DecisionRecord): Promise<void> {
    const batch = this.#open();
    const line = this.#chain.line(fieldsOf(record));
    batch.lines.push(line);
    batch.chars += line.length;
    batch.records++;
    if (batch.chars > BATCH_LIMIT_CHARS) this.#flush();
    return batch.done.promise;
  }

  status(): LogStatus {
    const failure = this.#failure === undefined ? {} : { failure: this.#failure };
    return { seq: this.#chain.position.seq, written: this.#written, lost: this.#lost, ...failure };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#batch !== undefined || this.#syncing !== undefined || this.#heading !== undefined) {
      this.#flush();
      await (this.#syncing ?? this.#heading);
    }
    this.#attempt(() => this.#chain.end(this.#missing()));
    this.#anchor();
    this.#chain.file.close();
    this.#lock.release();
  }

  /** The batch of this turn. The first line of a file is a checkpoint, and what was lost is said before what follows. */
  #open(): Batch {
    if (this.#batch !== undefined) return this.#batch;
    const lines: string[] = [];
    this.#batch = { lines, before: this.#chain.position, done: Promise.withResolvers<void>(), chars: 0, records: 0 };
    this.#batch.done.promise.catch(() => {}); // a caller that does not wait is told by status()
    if (this.#unsaid > 0) lines.push(this.#chain.checkpoint("resumed", this.#missing()));
    else if (this.#chain.file.size === 0) lines.push(this.#chain.checkpoint("continued"));
    setImmediate(() => this.#flush());
    return this.#batch;
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === undefined || this.#syncing !== undefined) return;
    this.#batch = undefined;
    const due = this.#isDue(batch.records);
    const head = due === undefined ? "" : this.#chain.checkpoint(due);
    try {
      this.#chain.file.append(batch.lines.join("") + head);
    } catch (thrown) {
      this.#fail(batch, asError(thrown));
      return;
    }
    this.#written += batch.records;
    this.#unsigned = due === undefined ? this.#unsigned + batch.records : 0;
    this.#unsaid = 0;
    this.#turned(undefined);
    if (this.#rotateWhenFull())
      batch.done.resolve(); // which waited for the disk
    else this.#settle(batch, head);
  }

  /** Nothing of the batch is in the file, so that the chain goes on from before it. */
  #fail({ before, records, done }: Batch, failure: Error): void {
    this.#chain.position = before;
    this.#lost += records;
    this.#unsaid += records;
    this.#turned(failure);
    done.reject(failure);
  }

  /** Answers go out now, or once the disk has their records; what comes meanwhile is the next batch. */
  #settle({ done }: Batch, head: string): void {
    if (this.#options.sync === "checkpoint") {
      done.resolve();
      if (head !== "") this.#heading ??= this.#toDisk(head).finally(() => (this.#heading = undefined));
      return;
    }
    this.#syncing = this.#toDisk(head)
      .then(() => (this.#failure === undefined ? done.resolve() : done.reject(this.#failure)))
      .then(() => {
        this.#syncing = undefined;
        this.#flush();
      });
  }

  /** The head follows the disk: a log is never behind it. */
  async #toDisk(head: string): Promise<void> {
    try {
      await this.#chain.file.sync();
      if (head !== "") await this.#chain.head.write(head);
    } catch (thrown) {
      this.#turned(asError(thrown));
    }
  }

  #isDue(records: number): CheckpointReason | undefined {
    const { checkpointEvery, clock } = this.#options;
    const count = this.#unsigned + records;
    if (count >= checkpointEvery.records) return "records";
    return count > 0 && clock() - this.#chain.signedMs >= checkpointEvery.ms ? "time" : undefined;
  }

  /** Once a second or so: a checkpoint that is due, a file that is old, and after a failure another try. */
  #tick(): void {
    if (this.#batch !== undefined || this.#syncing !== undefined) return;
    if (this.#failure !== undefined || this.#unsaid > 0) this.#resume();
    else if (this.#isDue(0) !== undefined) {
      this.#open();
      this.#flush();
    }
    this.#rotateWhenFull();
  }

  /** What the next checkpoint must say is missing before it. */
  #missing(): { readonly lost?: number } {
    return this.#unsaid > 0 ? { lost: this.#unsaid } : {};
  }

  #resume(): void {
    this.#attempt(() => {
      this.#chain.sign("resumed", this.#missing());
      this.#unsigned = 0;
      this.#unsaid = 0;
    });
  }

  /** @returns whether another file was begun */
  #rotateWhenFull(): boolean {
    const { rotateBytes, rotateAgeMs, clock } = this.#options;
    const isFull = this.#chain.file.size >= rotateBytes || clock() - this.#chain.begunMs >= rotateAgeMs;
    const isIdle = this.#batch === undefined && this.#syncing === undefined && this.#heading === undefined;
    if (!isFull || !isIdle || this.#failure !== undefined) return false;
    this.#attempt(() => this.#chain.rotate());
    this.#unsigned = 0;
    this.#anchor();
    return this.#failure === undefined;
  }

  /** Work between batches; what fails is said by status(). */
  #attempt(work: () => void): void {
    try {
      work();
      this.#turned(undefined);
    } catch (thrown) {
      this.#turned(asError(thrown));
    }
  }

  #turned(failure: Error | undefined): void {
    const before = this.#failure;
    this.#failure = failure;
    if (failure !== undefined && before === undefined) this.#options.tell({ kind: "failing", failure });
    if (failure === undefined && before !== undefined) this.#options.tell({ kind: "writing" });
  }

  #anchor(): void {
    if (this.#failure === undefined) this.#options.tell({ kind: "anchored", ...this.#chain.position });
  }
}

/** The record's members; of one that would not fit a line, all but its lists. */
function fieldsOf(record: DecisionRecord): string {
  const fields = JSON.stringify(record).slice(1, -1);
  const most = LOG_LINE_LIMIT_BYTES - LINE_OVERHEAD_BYTES;
  if (fields.length * 3 <= most || Buffer.byteLength(fields) <= most) return fields; // UTF-8 takes at most three for one
  const omitted = record.images.length + record.violations.length;
  return JSON.stringify({ ...record, images: [], violations: [], omitted }).slice(1, -1);
}

/** Position and hash of a line. */
const LINE_OVERHEAD_BYTES = 256;
