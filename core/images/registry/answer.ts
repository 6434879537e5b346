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

export function failure(code: ImagesCode, message: string, cause?: unknown): CodedError {
  return new CodedError(code, message, IMAGES_ERRORS[code].fix, { cause });
}
