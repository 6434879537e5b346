import { describe } from "@jest/globals";
import { findPart, type PARTS } from "../../tools/parts.mjs";

export type PartName = keyof typeof PARTS;

const found = new Map<PartName, string | undefined>();

/** The path of a real program that answers the version tools/versions.json pins; undefined when there is none. */
export function part(name: PartName): string | undefined {
  if (!found.has(name)) found.set(name, findPart(name).path);
  return found.get(name);
}

/** Like `describe`, with the paths of the parts; skipped with the missing ones named in the title. */
export function describeWith<Name extends PartName>(
  names: readonly Name[],
  title: string,
  body: (paths: Readonly<Record<Name, string>>) => void,
): void {
  const missing = names.filter((name) => part(name) === undefined);
  const paths = Object.fromEntries(names.map((name) => [name, part(name)])) as Record<Name, string>;
  if (missing.length === 0) describe(title, () => body(paths));
  else
    describe.skip(`${title} (missing: ${missing.join(", ")}; tools/install ${missing.join(" ")})`, () => body(paths));
}
