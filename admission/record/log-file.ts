import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { codedSystemError } from "../../core/base/errors.ts";
import { LOG_LINE_LIMIT_BYTES, type Position, positionOf } from "./chain.ts";

/** One file of a log, open at its end. */
export class LogFile {
  readonly path: string;
  /** Bytes in the file. */
  size: number;
  /** After its last line; absent when it has none. */
  readonly end: Position | undefined;
  /** Bytes of a last line that a crash had cut, which are gone now: nobody was answered by it. */
  readonly cut: number;
  readonly #descriptor: number;
  /** Part of a failed write may still be behind the end. */
  #isTorn = false;

  /** @throws {CodedError} the system's error; when the last line is none of a log, which nothing may be added to */
  constructor(path: string) {
    this.path = path;
    this.#descriptor = openAt(path);
    const { tail, before } = readTail(this.#descriptor);
    const whole = tail.lastIndexOf(NEWLINE) + 1;
    this.cut = tail.length - whole;
    this.size = before + whole;
    if (this.cut > 0) ftruncateSync(this.#descriptor, this.size);
    const line = tail.subarray(tail.subarray(0, Math.max(0, whole - 1)).lastIndexOf(NEWLINE) + 1, whole - 1);
    this.end = whole === 0 ? undefined : positionOf(line);
    if (whole === 0 ? before > 0 : this.end === undefined) {
      this.close();
      throw codedSystemError(new Error("its last line is no decision record"), path);
    }
  }

  /** What the first line says, which is a checkpoint: its number, and when the file was begun. */
  begun(): { readonly seq?: number; readonly at?: number } {
    const head = Buffer.alloc(Math.min(this.size, FIRST_LINE_LIMIT_BYTES));
    readSync(this.#descriptor, head, 0, head.length, 0);
    const [, seq, at] = FIRST_LINE.exec(head.toString("latin1")) ?? [];
    return seq === undefined || at === undefined ? {} : { seq: Number(seq), at: Date.parse(at) };
  }

  /** Whole lines, all or nothing: half a line would break the chain for every record after it. @throws {CodedError} */
  append(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    try {
      if (this.#isTorn) this.#truncate();
      this.#isTorn = true;
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
      this.#isTorn = false;
      this.size += bytes.length;
    } catch (thrown) {
      try {
        this.#truncate();
      } catch {
        // tried again before the next write
      }
      throw codedSystemError(thrown, this.path);
    }
  }

  #truncate(): void {
    ftruncateSync(this.#descriptor, this.size);
    this.#isTorn = false;
  }

  /** Waits until the disk has it. */
  sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(codedSystemError(error, this.path))));
    return promise;
  }

  syncNow(): void {
    fdatasyncSync(this.#descriptor);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

const NEWLINE = 0x0a;
/** The first line is a checkpoint, which is short. */
const FIRST_LINE_LIMIT_BYTES = 1024;
const FIRST_LINE = /^\{"seq":(\d+),"prev":"[0-9a-f]{64}","checkpoint":\{"at":"([^"]{1,40})"/;

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants;

/** A link would take the log out of its folder, where nobody looks for it. */
function openAt(path: string): number {
  try {
    return openSync(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_RDWR, 0o600);
  } catch (thrown) {
    throw codedSystemError(thrown, path);
  }
}

function readTail(descriptor: number): { tail: Buffer; before: number } {
  const { size } = fstatSync(descriptor);
  const before = Math.max(0, size - LOG_LINE_LIMIT_BYTES);
  const tail = Buffer.alloc(size - before);
  readSync(descriptor, tail, 0, tail.length, before);
  return { tail, before };
}
