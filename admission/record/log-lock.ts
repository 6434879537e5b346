import { DatabaseSync } from "node:sqlite";
import { CodedError, codedSystemError } from "../../core/base/errors.ts";
import { ADMISSION_ERRORS } from "../errors.ts";

/** "database is locked". @see SQLite documentation, "Result and Error Codes" */
const SQLITE_BUSY = 5;

/** Held by the one process that writes a log. */
export interface LogLock {
  release(): void;
}

/**
 * Locks the folder of a log: two that write one chain would each break the other's. The lock is the kernel's, on a file
 * that stays empty, and ends with the process, however that ends. SQLite, because Node itself locks no files.
 *
 * @throws {CodedError} AUDIT_IN_USE, or the system's error
 */
export function lockLog(file: string): LogLock {
  try {
    const database = new DatabaseSync(file, { timeout: 0 });
    try {
      database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      return { release: () => database.close() };
    } catch (thrown) {
      database.close();
      throw thrown;
    }
  } catch (cause) {
    if ((cause as { errcode?: number }).errcode !== SQLITE_BUSY) throw codedSystemError(cause, file);
    const { fix } = ADMISSION_ERRORS.AUDIT_IN_USE;
    throw new CodedError("AUDIT_IN_USE", `${file}: another process writes the decision log`, fix, { cause });
  }
}
