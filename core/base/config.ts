import { readFileSync, statSync } from "node:fs";
import { type Document, LineCounter, parseAllDocuments, type ScalarTag } from "yaml";
import type { z } from "zod";
import { CodedError, messageOf } from "./errors.ts";
import { type Problem, problemsOf } from "./problems.ts";

export type { Problem } from "./problems.ts";

const FIX = "correct the lines named above and run the command again";

/** Largest configuration file read, in bytes; a manifest folder has one such limit per file. */
export const CONFIG_FILE_LIMIT_BYTES = 4 * 1024 * 1024;

/** Reports every problem of one file at once, in the form docs/errors.md shows. */
export function configInvalid(file: string, problems: readonly Problem[]): CodedError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = problems.map((p) => `\n  ${p.path === "" ? "" : `${p.path}: `}${p.message}`);
  return new CodedError("CONFIG_INVALID", `${file}: ${count}${lines.join("")}`, FIX);
}

/** Joins several files' errors into one, so that a folder is corrected in one go. */
export function allInvalid(errors: readonly CodedError[]): CodedError {
  const [first] = errors;
  if (errors.length === 1 && first !== undefined) return first;
  return new CodedError("CONFIG_INVALID", errors.map((e) => e.message).join("\n"), FIX);
}

/** @throws {CodedError} CONFIG_UNREADABLE when the file is missing, too large or not readable */
export function readConfigText(file: string): string {
  let sizeBytes: number;
  try {
    sizeBytes = statSync(file).size;
    if (sizeBytes <= CONFIG_FILE_LIMIT_BYTES) return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CodedError("CONFIG_UNREADABLE", `${file}: ${messageOf(cause)}`, "check the path and its permissions", {
      cause,
    });
  }
  const message = `${file}: ${sizeBytes} bytes, at most ${CONFIG_FILE_LIMIT_BYTES} are read`;
  throw new CodedError("CONFIG_UNREADABLE", message, "split the file");
}

/** Aliases may not multiply a document: the most a file may expand. */
const ALIAS_LIMIT = 100;

/** A YAML document, its value, and where in the text its parts are. */
export interface YamlDocument {
  readonly value: unknown;
  readonly contents: Document.Parsed["contents"];
  readonly lines: LineCounter;
}

/**
 * Every YAML (or JSON) document of a text, in order; empty documents are skipped.
 *
 * @param scalars  how plain words are read besides YAML 1.2's core schema, asked before it
 * @throws {CodedError} CONFIG_INVALID with line and column of every syntax error; on aliases that multiply or loop
 */
export function readYamlDocuments(
  text: string,
  file: string,
  scalars: readonly ScalarTag[] = [],
): readonly YamlDocument[] {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: true, merge: false };
  const parsed = parseAllDocuments(text, { ...options, customTags: (tags) => [...scalars, ...tags] });
  const documents = Array.isArray(parsed) ? parsed : [];
  const problems = documents.flatMap(({ errors }) => errors.map((error) => syntaxProblem(error, lines)));
  if (problems.length > 0) throw configInvalid(file, problems);
  return documents
    .map((document) => ({ value: treeOf(document, file, lines), contents: document.contents, lines }))
    .filter(({ value }) => value !== null && value !== undefined);
}

/** The values alone. @throws as `readYamlDocuments` */
export function parseYamlDocuments(text: string, file: string): unknown[] {
  return readYamlDocuments(text, file).map(({ value }) => value);
}

function syntaxProblem(error: { pos: [number, number]; message: string }, lines: LineCounter): Problem {
  return { path: placeOf(error.pos[0], lines), message: error.message };
}

function placeOf(offset: number, lines: LineCounter): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line} column ${col}`;
}

/** An alias to nothing, to too much, or to what holds it is found only here. */
function treeOf(document: Document.Parsed, file: string, lines: LineCounter): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: ALIAS_LIMIT });
    JSON.stringify(value);
    return value;
  } catch (cause) {
    const isLoop = cause instanceof TypeError;
    const message = isLoop ? "expected a tree, found an alias to what holds it" : messageOf(cause).toLowerCase();
    throw configInvalid(file, [{ path: placeOf(document.contents?.range?.[0] ?? 0, lines), message }]);
  }
}

/** A value checked against a schema. @throws {CodedError} CONFIG_INVALID naming every problem at once */
export function validate<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw configInvalid(file, problemsOf(schema, result.error.issues));
}

/** One file holding one document. @throws {CodedError} CONFIG_UNREADABLE, CONFIG_INVALID */
export function readConfig<T>(schema: z.ZodType<T>, file: string): T {
  const documents = parseYamlDocuments(readConfigText(file), file);
  if (documents.length === 1) return validate(schema, documents[0], file);
  throw configInvalid(file, [{ path: "", message: `expected one document, found ${documents.length}` }]);
}
