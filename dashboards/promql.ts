import type { SyntaxNode, Tree } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

/** One series that an expression asks for. */
export interface Selection {
  readonly metric: string;
  /** Labels in its braces. */
  readonly labels: readonly string[];
}

/** What an expression names. `error` is where the grammar gave up, in the expression without Grafana's variables. */
export interface Reading {
  readonly selections: readonly Selection[];
  /** Labels of `by`, `without`, `on`, `ignoring` and `group_left`. */
  readonly groupings: readonly string[];
  readonly error?: string;
}

/** Reads PromQL with Prometheus' own grammar. Grafana's range variables stand for five minutes here. */
export function readPromql(expression: string): Reading {
  const text = expression.replaceAll(
    /\$(__rate_interval|__interval|__range)\b|\$\{__(rate_interval|interval|range)\}/g,
    "5m",
  );
  const tree = parser.parse(text);
  const error = firstError(tree, text);
  return {
    selections: nodes(tree, "VectorSelector").map((node) => selection(node, text)),
    groupings: nodes(tree, "GroupingLabels").flatMap((node) => labelNames(node, text)),
    ...(error === undefined ? {} : { error }),
  };
}

function selection(node: SyntaxNode, text: string): Selection {
  const name = node.getChild("Identifier");
  const matchers = node.getChild("LabelMatchers");
  return {
    metric: name === null ? "" : text.slice(name.from, name.to),
    labels: (matchers?.getChildren("UnquotedLabelMatcher") ?? []).flatMap((matcher) => labelNames(matcher, text)),
  };
}

function labelNames(node: SyntaxNode, text: string): string[] {
  return node.getChildren("LabelName").map((label) => text.slice(label.from, label.to));
}

function nodes(tree: Tree, name: string): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  tree.iterate({
    enter: (node) => {
      if (node.name === name) found.push(node.node);
    },
  });
  return found;
}

function firstError(tree: Tree, text: string): string | undefined {
  let error: string | undefined;
  tree.iterate({
    enter: (node) => {
      if (node.type.isError) error ??= text.slice(Math.max(0, node.from - 20), node.to + 20);
    },
  });
  return error;
}
