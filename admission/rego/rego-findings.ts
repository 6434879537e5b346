import { z } from "zod";
import { CodedError } from "../../core/base/errors.ts";
import { ADMISSION_ERRORS } from "../errors.ts";

/** Most findings of one rule that are read, and the longest text of one. */
export const REGO_FINDINGS_LIMIT = 1000;
const text = z.string().max(4096);

const finding = z.strictObject({ path: text, found: text, expected: text, fix: text });

/** What one rule found at one place. */
export type RegoFinding = z.output<typeof finding>;

/** opa's result set: one result, holding the set of findings. */
const resultSet = z.tuple([z.object({ result: z.array(finding).max(REGO_FINDINGS_LIMIT) })]);

/**
 * Reads a rule's result. An undefined rule (no result at all) is a failure, because a built-in that failed leaves
 * exactly that behind.
 *
 * @throws {CodedError} REGO_FAILED
 */
export function readFindings(library: string, result: unknown): readonly RegoFinding[] {
  const read = resultSet.safeParse(result);
  if (read.success) return read.data[0].result.toSorted((a, b) => (a.path + a.found < b.path + b.found ? -1 : 1));
  const shown = (JSON.stringify(result) ?? "nothing").slice(0, 120);
  const message = `rego ${library}: expected a set of { path, found, expected, fix }, found ${shown}`;
  throw new CodedError("REGO_FAILED", message, ADMISSION_ERRORS.REGO_FAILED.fix, { cause: read.error });
}
