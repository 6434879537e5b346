import { isMap, isSeq, LineCounter, type Node, type ParsedNode, parseAllDocuments, type YAMLMap } from "yaml";
import { CONFIG_FILE_LIMIT_BYTES, configInvalid, type Problem } from "../base/config.ts";

/** One object of a manifest file with the line it begins on, and a way to find the line of a part of it. */
export interface ManifestObject {
  readonly value: unknown;
  /** One-based. */
  readonly line: number;
  /** The line of `spec.ingress[0]` as `["spec", "ingress", 0]`; the object's own when there is no such part. */
  readonly lineOf: (path: readonly (string | number)[]) => number;
}

/** Aliases may not multiply a document: the most a file may expand. */
const ALIAS_LIMIT = 100;

/**
 * Every object of a YAML or JSON text; `kind: List` is unfolded into its items.
 *
 * @throws {CodedError} CONFIG_INVALID with line and column of every syntax error
 */
export function parseManifest(text: string, file: string): ManifestObject[] {
  if (text.length > CONFIG_FILE_LIMIT_BYTES) {
    throw configInvalid(file, [
      { path: "", message: `expected at most ${CONFIG_FILE_LIMIT_BYTES} bytes, found ${text.length}` },
    ]);
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    merge: false,
  });
  const list = Array.isArray(documents) ? documents : [];
  const problems = list.flatMap((document) => document.errors.map((error) => syntaxProblem(error, lines)));
  if (problems.length > 0) throw configInvalid(file, problems);
  return list.flatMap((document) => {
    const value: unknown = document.toJS({ maxAliasCount: ALIAS_LIMIT });
    return value === null || value === undefined ? [] : unfold(value, document.contents, lines);
  });
}

function syntaxProblem(error: { pos: [number, number]; message: string }, lines: LineCounter): Problem {
  const { line, col } = lines.linePos(error.pos[0]);
  return { path: `line ${line} column ${col}`, message: error.message };
}

function unfold(value: unknown, node: ParsedNode | null, lines: LineCounter): ManifestObject[] {
  const items = (value as { items?: unknown }).items;
  const isList = (value as { kind?: unknown }).kind === "List" && Array.isArray(items);
  if (!isList) return [positioned(value, node, lines)];
  const nodes = isMap(node) ? (node as YAMLMap).get("items", true) : undefined;
  return items.map((item, index) => positioned(item, isSeq(nodes) ? (nodes.items[index] as Node) : node, lines));
}

function positioned(value: unknown, node: Node | null, lines: LineCounter): ManifestObject {
  const lineAt = (part: unknown): number | undefined => {
    const start = (part as Node | null | undefined)?.range?.[0];
    return start === undefined ? undefined : lines.linePos(start).line;
  };
  const line = lineAt(node) ?? 1;
  return { value, line, lineOf: (path) => (isMap(node) ? lineAt(node.getIn(path, true)) : undefined) ?? line };
}
