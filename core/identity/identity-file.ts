import { readFileSync, statSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { fileError } from "./bundle.ts";

/** Largest key, certificate, bundle or token file read, in bytes. */
export const IDENTITY_FILE_LIMIT_BYTES = 1024 * 1024;

/** @throws {CodedError} IDENTITY_FILE when it is missing, unreadable, empty or too large */
export function readIdentityFile(file: string): string {
  try {
    if (statSync(file).size > IDENTITY_FILE_LIMIT_BYTES)
      throw new Error(`larger than ${IDENTITY_FILE_LIMIT_BYTES} bytes`);
    const text = readFileSync(file, "utf8");
    if (text.trim() === "") throw new Error("empty");
    return text;
  } catch (cause) {
    throw fileError(`${file}: ${messageOf(cause)}`, cause);
  }
}
