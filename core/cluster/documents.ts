import { isMap, isSeq, type LineCounter, type Node, type ScalarTag, type YAMLMap } from "yaml";
import { readYamlDocuments, type YamlDocument } from "../base/config.ts";

/** One object of a manifest file with the line it begins on, and a way to find the line of a part of it. */
export interface ManifestObject {
  readonly value: unknown;
  /** One-based. */
  readonly line: number;
  /** The line of `spec.ingress[0]` as `["spec", "ingress", 0]`; the object's own when there is no such part. */
  readonly lineOf: (path: readonly (string | number)[]) => number;
}

/** Kubernetes reads YAML 1.1: `0644` is octal and `yes` is true, where YAML 1.2 has a decimal number and a text. */
const KUBERNETES_SCALARS: readonly ScalarTag[] = [
  {
    tag: "tag:yaml.org,2002:int",
    default: true,
    identify: () => false,
    test: /^[-+]?0[0-7]+$/,
    resolve: (text: string) => Number.parseInt(text, 8),
  },
  {
    tag: "tag:yaml.org,2002:bool",
    default: true,
    identify: () => false,
    test: /^(?:yes|Yes|YES|on|On|ON|no|No|NO|off|Off|OFF)$/,
    resolve: (text: string) => /^(?:yes|on)$/i.test(text),
  },
];

/**
 * Every object of a YAML or JSON text; `kind: List` is unfolded into its items.
 *
 * @throws {CodedError} CONFIG_INVALID with line and column of every syntax error
 */
export function parseManifest(text: string, file: string): ManifestObject[] {
  return readManifest(text, file).flatMap(objectsOf);
}

/** The documents of a manifest as Kubernetes reads them, lists whole. @throws as `parseManifest` */
export function readManifest(text: string, file: string): readonly YamlDocument[] {
  return readYamlDocuments(text, file, KUBERNETES_SCALARS);
}

/** The objects of one document: its items when it is a list. */
export function objectsOf({ value, contents: node, lines }: YamlDocument): ManifestObject[] {
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
