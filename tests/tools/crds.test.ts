import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { renderCrds } from "../../tools/crds.ts";

const files = [...renderCrds()];
type Node = Readonly<Record<string, unknown>>;

/** Every schema below a node, with its place. */
function schemasOf(node: Node, path: string): [path: string, schema: Node][] {
  const below = Object.entries((node["properties"] ?? {}) as Record<string, Node>).map(
    ([name, child]) => [`${path}.${name}`, child] as const,
  );
  const items = node["items"] === undefined ? [] : [[`${path}[]`, node["items"] as Node] as const];
  return [[path, node], ...[...below, ...items].flatMap(([at, child]) => schemasOf(child, at))];
}

const specs = files.flatMap(([path, text]) => {
  const [version] = (parse(text) as { spec: { versions: [{ schema: { openAPIV3Schema: Node } }] } }).spec.versions;
  const { spec, status } = version.schema.openAPIV3Schema["properties"] as Record<string, Node>;
  return [...schemasOf(spec ?? {}, "spec"), ...schemasOf(status ?? {}, "status")].map(
    ([at, schema]) => [`${path} ${at}`, schema] as const,
  );
});

describe("the custom resource definitions", () => {
  it.each(files)("%s is what the schema says (node tools/crds.ts writes it)", (path, text) => {
    expect(readFileSync(join(import.meta.dirname, "../..", path), "utf8")).toBe(text);
  });

  it("describe every field, for kubectl explain", () => {
    const named = specs.filter(([path]) => !path.endsWith("[]"));
    expect(named.length).toBeGreaterThan(60);
    expect(named.filter(([, { description }]) => typeof description !== "string").map(([path]) => path)).toEqual([]);
  });

  it("are structural: a type or no say at all, and no word that an API server refuses", () => {
    const wrong = specs.filter(
      ([, schema]) =>
        (schema["type"] === undefined && schema["x-kubernetes-preserve-unknown-fields"] !== true) ||
        ["$ref", "anyOf", "oneOf", "propertyNames", "$schema"].some((word) => word in schema) ||
        schema["additionalProperties"] === false,
    );
    expect(wrong.map(([path]) => path)).toEqual([]);
  });

  it("keep a misspelt rule instead of pruning it, so that the gate can refuse the policy for it", () => {
    const objects = specs.filter(([path, schema]) => schema["properties"] !== undefined && !path.includes(" status"));
    expect(objects.every(([, schema]) => schema["x-kubernetes-preserve-unknown-fields"] === true)).toBe(true);
  });
});
