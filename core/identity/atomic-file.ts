import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { codedSystemError } from "../base/errors.ts";

/**
 * Replaces a file in one step: readers see the old text or the new, never a part; it survives a crash after return.
 *
 * @param mode  of the new file, from its first byte on
 * @throws {CodedError} DISK_FULL, or the system's error
 */
export function writeFileAtomically(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    rmSync(temporary, { force: true });
    const descriptor = openSync(temporary, "wx", mode);
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (thrown) {
    rmSync(temporary, { force: true });
    throw codedSystemError(thrown, file);
  }
}
