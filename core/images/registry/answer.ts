import { CodedError } from "../../base/errors.ts";
import { IMAGES_ERRORS, type ImagesCode } from "../errors.ts";

/** One answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  /** Where it came from after redirects. */
  readonly url: URL;
}

/** The first value of a header, its name in lower case. */
export function headerOf({ headers }: Pick<Answer, "headers">, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Longest message, in characters: hosts, headers and libraries' own messages in it may be of any length. */
export const FAILURE_LIMIT_CHARS = 1000;

export function failure(code: ImagesCode, message: string, cause?: unknown): CodedError {
  const shown = message.length > FAILURE_LIMIT_CHARS ? `${message.slice(0, FAILURE_LIMIT_CHARS - 1)}…` : message;
  return new CodedError(code, shown, IMAGES_ERRORS[code].fix, { cause });
}
