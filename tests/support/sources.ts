import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** The folders that hold what ships. Tests, tools and benchmarks may import anything. */
export const SOURCE_FOLDERS = ["core", "scanner", "admission", "mesh", "sidecar", "collector", "dashboards", "cli"];

/** A node of the syntax tree: ESTree with TypeScript's nodes. Offsets count UTF-16 units. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface Source {
  /** From the project's root, with forward slashes: "core/wire/x509/pem.ts". */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  /** Every node, parents first. */
  readonly nodes: readonly Node[];
  readonly imports: readonly Import[];
  readonly functions: readonly MeasuredFunction[];
}

export interface Import {
  readonly specifier: string;
  /** The imported file when the specifier is relative. */
  readonly file: string | undefined;
}

export interface MeasuredFunction {
  readonly name: string;
  /** First to last line of the function, blank lines and comments included. */
  readonly lines: number;
  /** Lines between its braces that hold code. */
  readonly codeLines: number;
  /** 1 = the first line of the file. */
  readonly line: number;
}

/** All sources that ship, parsed. A file with a syntax error throws with its name. */
export function readSources(): Source[] {
  return SOURCE_FOLDERS.flatMap(filesIn).map((path) => parseSource(path, readFileSync(join(ROOT, path), "utf8")));
}

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
    .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
    .sort();
}

export function parseSource(path: string, text: string): Source {
  const { program, errors, comments } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const nodes = [...walk(program as unknown as Node, "")];
  const code = blankOut(text, comments);
  return {
    path,
    text,
    lines: text.split("\n").length - 1,
    nodes: nodes.map(({ node }) => node),
    imports: nodes.flatMap(({ node }) => importOf(node, path)),
    functions: nodes.filter(({ node }) => isFunction(node)).map(({ node, name }) => measure(node, name, text, code)),
  };
}

function* walk(node: Node, name: string): Generator<{ node: Node; name: string }> {
  yield { node, name: ownName(node) ?? name };
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) yield* walk(child, ownName(node) ?? name);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

/** The name a person would use for a function: its own, or that of the variable or member that holds it. */
function ownName(node: Node): string | undefined {
  const holder = node["id"] ?? node["key"];
  return isNode(holder) && typeof holder["name"] === "string" ? holder["name"] : undefined;
}

/** Static, type-only, re-exported, dynamic and `import("x").T` alike. */
function importOf(node: Node, path: string): Import[] {
  if (!/^(Import(Declaration|Expression)|Export(All|Named)Declaration|TSImportType)$/.test(node.type)) return [];
  const source = node["source"] ?? node["argument"];
  if (!isNode(source)) return [];
  const specifier = source["value"] ?? (isNode(source["literal"]) ? source["literal"]["value"] : undefined);
  if (typeof specifier !== "string") return [{ specifier: "(computed)", file: undefined }];
  const file = specifier.startsWith(".") ? posix.normalize(posix.join(posix.dirname(path), specifier)) : undefined;
  return [{ specifier, file }];
}

function isFunction(node: Node): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

function measure(node: Node, name: string, text: string, code: string): MeasuredFunction {
  const body = isNode(node["body"]) ? node["body"] : node;
  const inside = code.slice(body.start, body.end).replace(/^\{|\}$/g, "");
  return {
    name,
    lines: text.slice(node.start, node.end).split("\n").length,
    codeLines: inside.split("\n").filter((line) => line.trim() !== "").length,
    line: text.slice(0, node.start).split("\n").length,
  };
}

function blankOut(text: string, comments: readonly { start: number; end: number }[]): string {
  let blanked = text;
  for (const { start, end } of comments) {
    blanked = blanked.slice(0, start) + text.slice(start, end).replace(/[^\n]/g, " ") + blanked.slice(end);
  }
  return blanked;
}

/** The value below which a share of the sorted numbers lies; 0 for none. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
