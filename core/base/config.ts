import { readFileSync } from "node:fs";
import { LineCounter, parseAllDocuments } from "yaml";
import type { z } from "zod";
import { CodedError, messageOf } from "./errors.ts";
import { closest } from "./suggest.ts";

/** One thing wrong with one place of one file. */
export interface Problem {
  /** Where, as a person would write it: `objectives[0].target`. Empty for the document itself. */
  readonly path: string;
  /** expected …, found … (hint) */
  readonly message: string;
}

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
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new CodedError("CONFIG_UNREADABLE", `${file}: ${messageOf(cause)}`, "check the path and its permissions", {
      cause,
    });
  }
  if (Buffer.byteLength(text) <= CONFIG_FILE_LIMIT_BYTES) return text;
  throw new CodedError("CONFIG_UNREADABLE", `${file}: larger than ${CONFIG_FILE_LIMIT_BYTES} bytes`, "split the file");
}

/**
 * Every YAML (or JSON) document of a text, in order; empty documents are skipped.
 *
 * @throws {CodedError} CONFIG_INVALID with line and column of every syntax error
 */
export function parseYamlDocuments(text: string, file: string): unknown[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false, uniqueKeys: true, merge: false });
  const list = Array.isArray(documents) ? documents : [];
  const problems = list.flatMap((document) =>
    document.errors.map((error): Problem => {
      const { line, col } = lineCounter.linePos(error.pos[0]);
      return { path: `line ${line} column ${col}`, message: error.message };
    }),
  );
  if (problems.length > 0) throw configInvalid(file, problems);
  return list.map((document) => document.toJS({ maxAliasCount: 100 })).filter((value) => value !== null);
}

/** A value checked against a schema. @throws {CodedError} CONFIG_INVALID naming every problem at once */
export function validate<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw configInvalid(file, result.error.issues.flatMap(problemsOf));
}

/** One file holding one document. @throws {CodedError} CONFIG_UNREADABLE, CONFIG_INVALID */
export function readConfig<T>(schema: z.ZodType<T>, file: string): T {
  const documents = parseYamlDocuments(readConfigText(file), file);
  if (documents.length === 1) return validate(schema, documents[0], file);
  throw configInvalid(file, [{ path: "", message: `expected one document, found ${documents.length}` }]);
}

type Issue = z.core.$ZodIssue;

function problemsOf(issue: Issue): Problem[] {
  const path = renderPath(issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys((issue as { input?: object }).input ?? {});
    return issue.keys.map((key) => ({
      path: renderPath([...issue.path, key]),
      message: `unknown key${didYouMean(key, knownKeys(issue, known))}`,
    }));
  }
  if (issue.code === "invalid_union") return unionProblems(issue, path);
  return [{ path, message: `${issue.message}${foundClause(issue)}` }];
}

function unionProblems(issue: Extract<Issue, { code: "invalid_union" }>, path: string): Problem[] {
  const nearest = issue.errors.toSorted((a, b) => a.length - b.length)[0];
  if (nearest === undefined || nearest.length === 0)
    return [{ path, message: `${issue.message}${foundClause(issue)}` }];
  return nearest.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] } as Issue));
}

function foundClause(issue: Issue): string {
  if (/\bfound\b/.test(issue.message)) return "";
  const input = (issue as { input?: unknown }).input;
  if (input === undefined) return ", found nothing";
  const shown = JSON.stringify(input) ?? String(input);
  return `, found ${shown.length > 80 ? `${shown.slice(0, 77)}...` : shown}`;
}

function knownKeys(issue: Issue, present: readonly string[]): readonly string[] {
  const shape = (issue as { inst?: { shape?: object } }).inst?.shape;
  return shape === undefined ? present : Object.keys(shape);
}

function didYouMean(key: string, candidates: readonly string[]): string {
  const near = closest(
    key,
    candidates.filter((candidate) => candidate !== key),
  );
  return near === undefined ? "" : ` (did you mean "${near}"?)`;
}

function renderPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((out, part) => {
    if (typeof part === "number") return `${out}[${part}]`;
    return out === "" ? String(part) : `${out}.${String(part)}`;
  }, "");
}
