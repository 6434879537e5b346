import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./sources.ts";

/** Who may import whom, as docs/ARCHITECTURE.md says it. */
export interface ImportTable {
  readonly folders: readonly string[];
  /** The deepest folder of the table that holds a file; undefined when no row does. */
  folderOf(file: string): string | undefined;
  allows(folder: string, file: string): boolean;
}

/**
 * Reads a table of docs/ARCHITECTURE.md by the heading above it: one array of cells per row, header left out, code
 * marks and padding removed.
 */
export function tableUnder(heading: string): string[][] {
  const text = readFileSync(join(ROOT, "docs/ARCHITECTURE.md"), "utf8");
  const [, section = ""] = text.split(`## ${heading}\n`);
  const rows = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.replaceAll("`", "").trim()),
  );
}

/** Entries are folders ("core/base"), one file of every service ("*\/metrics.ts") or everything ("*"). */
export function readImportTable(): ImportTable {
  const rows = new Map(
    tableUnder("Who may import whom").map(([folder = "", allowed = ""]) => [folder, words(allowed)]),
  );
  const folders = [...rows.keys()];
  const deepestFirst = folders.toSorted((a, b) => b.length - a.length);
  const folderOf = (file: string) => deepestFirst.find((folder) => file.startsWith(`${folder}/`));
  return {
    folders,
    folderOf,
    allows: (folder, file) => (rows.get(folder) ?? []).some((entry) => matches(entry, file, folderOf(file))),
  };
}

function matches(entry: string, file: string, folder: string | undefined): boolean {
  if (entry === "*") return true;
  if (entry.startsWith("*/")) return file === `${folder}/${entry.slice("*/".length)}`;
  return entry === folder;
}

function words(cell: string): string[] {
  return cell.split(/\s+/).filter((word) => word !== "");
}
