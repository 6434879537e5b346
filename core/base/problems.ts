import type { z } from "zod";
import { keysAt } from "./schema-keys.ts";
import { closest } from "./suggest.ts";

/** One thing wrong with one place of one file. */
export interface Problem {
  /** Where, as a person would write it: `objectives[0].target`. Empty for the document itself. */
  readonly path: string;
  /** expected …, found … (hint) */
  readonly message: string;
}

type Schema = z.core.$ZodType;
type Issue = z.core.$ZodIssue;

/** Longest value repeated in a message, in characters. */
export const FOUND_LIMIT = 80;

/** Zod's issues in the words of docs/errors.md; one with several unknown keys is as many problems. */
export function problemsOf(schema: Schema, issues: readonly Issue[]): readonly Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(schema, issue));
}

function problemsOfIssue(schema: Schema, issue: Issue): readonly Problem[] {
  switch (issue.code) {
    case "unrecognized_keys":
      return unknownKeys(schema, issue);
    case "invalid_union":
      return unionProblems(schema, issue);
    case "invalid_key":
      return within(issue, issue.issues.slice(0, 1)).map((inner) => ({
        path: renderPath(issue.path),
        message: `key: ${describe(inner)}`,
      }));
    default:
      return [{ path: renderPath(issue.path), message: describe(issue) }];
  }
}

function unknownKeys(schema: Schema, issue: Extract<Issue, { code: "unrecognized_keys" }>): readonly Problem[] {
  const known = keysAt(schema, issue.path);
  return issue.keys.map((key) => ({
    path: renderPath([...issue.path, key]),
    message: `unknown key${didYouMean(key, known)}`,
  }));
}

/** The alternative that came nearest speaks: the one of the right type with the fewest faults. */
function unionProblems(schema: Schema, issue: Extract<Issue, { code: "invalid_union" }>): readonly Problem[] {
  const ofRightType = issue.errors.filter((errors) => !errors.some(isWrongType));
  const [nearest = []] = ofRightType.toSorted((a, b) => a.length - b.length);
  if (nearest.length > 0) return problemsOf(schema, within(issue, nearest));
  const { options, discriminator } = issue as { options?: readonly unknown[]; discriminator?: string };
  if (discriminator === undefined || options === undefined) {
    return [{ path: renderPath(issue.path), message: describe(unionOf(issue)) }];
  }
  const input = (inputOf(issue) as Record<string, unknown> | undefined)?.[discriminator];
  return [
    { path: renderPath(issue.path), message: `expected ${oneOf(options)}${found(input)}${near(input, options)}` },
  ];
}

/** Without words of its own, a union of plain types names them. */
function unionOf(issue: Extract<Issue, { code: "invalid_union" }>): Issue {
  if (issue.message !== "Invalid input") return issue;
  const expected = issue.errors.flat().map((inner) => expectation(inner).replace(/^expected /, ""));
  return { ...issue, message: `expected ${[...new Set(expected)].join(" or ")}` };
}

function isWrongType(issue: { readonly code?: string; readonly path: readonly PropertyKey[] }): boolean {
  return issue.code === "invalid_type" && issue.path.length === 0;
}

function within(outer: Issue, inner: readonly Issue[]): readonly Issue[] {
  return inner.map((issue) => ({ ...issue, path: [...outer.path, ...issue.path] }) as Issue);
}

function describe(issue: Issue): string {
  const message = expectation(issue);
  if (/\bfound\b/.test(message)) return message;
  const options = issue.code === "invalid_value" ? issue.values : [];
  return `${message}${found(inputOf(issue))}${near(inputOf(issue), options)}`;
}

/** A schema's own words as they are; zod's in ours. */
function expectation(issue: Issue): string {
  if (!ZODS_OWN.test(issue.message)) return issue.message;
  if (issue.code === "invalid_type") return `expected ${NAMES[issue.expected] ?? issue.expected}`;
  if (issue.code === "invalid_value") return `expected ${oneOf(issue.values)}`;
  if (issue.code === "invalid_format") return `expected ${formatOf(issue)}`;
  if (issue.code === "too_small" && issue.origin === "string" && issue.minimum === 1) return "expected text, not empty";
  return issue.message
    .replace(/^[^:]*: /, "")
    .replace(/^expected (array|string) to have/, "expected")
    .replace(/^expected (?:number|int) to be/, "expected a number");
}

function formatOf({ format, pattern }: { readonly format: string; readonly pattern?: string | undefined }): string {
  return format === "regex" ? `text that matches ${pattern}` : (NAMES[format] ?? format);
}

const ZODS_OWN = /^(?:Invalid|Too (?:small|big)|Unrecognized)/;

/** Types and formats as a person who writes YAML calls them. */
const NAMES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  url: 'a URL such as "https://example.org"',
};

function oneOf(options: readonly unknown[]): string {
  const [only, ...more] = options.map((option) => shown(option));
  return more.length === 0 ? String(only) : `one of ${[only, ...more].join(", ")}`;
}

function found(input: unknown): string {
  return input === undefined ? ", found nothing" : `, found ${shown(input)}`;
}

function shown(input: unknown): string {
  const text = typeof input === "bigint" ? String(input) : (JSON.stringify(input) ?? String(input));
  return text.length > FOUND_LIMIT ? `${text.slice(0, FOUND_LIMIT - 3)}...` : text;
}

function near(input: unknown, options: readonly unknown[]): string {
  const texts = options.filter((option) => typeof option === "string");
  return typeof input === "string" ? didYouMean(input, texts) : "";
}

function didYouMean(word: string, candidates: readonly string[]): string {
  const nearest = closest(word, candidates);
  return nearest === undefined ? "" : ` (did you mean "${nearest}"?)`;
}

function inputOf(issue: Issue): object | undefined {
  return (issue as { readonly input?: object }).input;
}

function renderPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((out, part) => {
    if (typeof part === "number") return `${out}[${part}]`;
    return out === "" ? String(part) : `${out}.${String(part)}`;
  }, "");
}
