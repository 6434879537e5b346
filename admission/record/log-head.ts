import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { CodedError } from "../../core/base/errors.ts";
import { writeFileAtomically } from "../../core/identity/atomic-file.ts";
import { ADMISSION_ERRORS } from "../errors.ts";
import { type Position, positionOf } from "./chain.ts";

/**
 * A copy of the newest checkpoint beside the log, written once the disk has the log up to it: a log that ends before
 * its head was cut. One write at a time; of those that wait only the newest is written.
 */
export class LogHead {
  readonly #file: string;
  #next: string | undefined;
  #writing: Promise<void> | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Never rejects: an older head is a head, too. */
  write(line: string): Promise<void> {
    this.#next = line;
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  /** Waits for no other write; for the end of a process. */
  writeNow(line: string): void {
    writeFileAtomically(this.#file, line, 0o600);
  }

  async #writeAll(): Promise<void> {
    const temporary = `${this.#file}.next`;
    try {
      for (let line = this.#next; line !== undefined; line = this.#next) {
        this.#next = undefined;
        await writeFile(temporary, line, { mode: 0o600, flush: true });
        await rename(temporary, this.#file);
      }
    } catch {
      this.#next = undefined;
    } finally {
      this.#writing = undefined;
    }
  }
}

/** What a head file says, whoever wrote it; `undefined` when there is none, or nothing that can be read as one. */
function readHead(file: string): Position | undefined {
  try {
    return positionOf(readFileSync(file).subarray(0, -1));
  } catch {
    return undefined;
  }
}

/** @throws {CodedError} AUDIT_CUT when the log ends before its head: going on would hide what was taken away */
export function refuseCut(file: string, end: Position): void {
  const head = readHead(file);
  if (head === undefined || head.seq <= end.seq) return;
  const message = `${file}: the log ends at record ${end.seq}, its head says ${head.seq}`;
  throw new CodedError("AUDIT_CUT", message, ADMISSION_ERRORS.AUDIT_CUT.fix);
}
