import { isScalar, type Node, visit } from "yaml";
import type { Problem, YamlDocument } from "../core/base/config.ts";

/** What would not be printed as it was read: merge keys, which are not followed, and numbers that a double rounds. */
export function unprintable({ contents, lines }: YamlDocument): Problem[] {
  const problems: Problem[] = [];
  const report = (node: Node, message: string) => {
    const { line, col } = lines.linePos(node.range?.[0] ?? 0);
    problems.push({ path: `line ${line} column ${col}`, message });
  };
  visit(contents, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === "<<" && key.type === "PLAIN")
        report(key, "found a merge key (<<), expected its fields written out");
    },
    Scalar: (_, node) => {
      if (Number.isInteger(node.value) && !Number.isSafeInteger(node.value))
        report(node, "found a number that would be rounded, expected at most 16 digits, or quotes");
    },
  });
  return problems;
}
