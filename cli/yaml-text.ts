import { Document, Scalar, visit } from "yaml";

/**
 * What YAML 1.1 takes for the end of a line, or refuses, though 1.2 does not: next line, line and paragraph separator,
 * byte order mark, DEL and the second set of controls.
 */
const STRANGE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/;

/**
 * Documents as text that Kubernetes, whose YAML is 1.1, reads as they are: what it would take for something else is
 * quoted, and what it would take for the end of a line is escaped, so that no value can add a line of its own.
 */
export function yamlOf(values: readonly unknown[]): string {
  return values.map(textOf).join("---\n");
}

function textOf(value: unknown): string {
  const document = new Document(value, { compat: "yaml-1.1", aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === "string" && STRANGE.test(scalar.value)) scalar.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return document.toString({ lineWidth: 0 }).replace(new RegExp(STRANGE, "g"), escaped);
}

/** Only ever inside of double quotes, where the escape stands for the character. */
function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}
