// Writes docs/errors.md, docs/metrics.md and docs/cli.md from the tables in the sources: node tools/docs.ts
// tests/docs.test.ts fails when a file and its tables differ.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Command } from "commander";
import type { MetricSpec } from "../core/base/metric.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const FOLDERS = ["core", "admission", "scanner", "mesh", "sidecar", "collector", "dashboards", "cli"];
const EXIT_CODES =
  "Exit codes: 0 done, or the answer is yes; 1 the answer is no (refused, broken, not all of it); 2 wrong input or options.";
const CLI_COLUMNS = 100; // commander wraps help at the terminal's width; a file has none

export interface ErrorRow {
  readonly code: string;
  readonly means: string;
  readonly fix: string;
}

/** One folder's table: `core/images` -> its rows in the order of its source. */
export type ErrorTables = ReadonlyMap<string, readonly ErrorRow[]>;
export type MetricTables = ReadonlyMap<string, readonly MetricSpec[]>;

/** Every `*_ERRORS` table of every errors.ts, and of tools/errors.json. What a folder passes on stays with its source. */
export async function readErrorTables(): Promise<ErrorTables> {
  const tables = new Map<string, ErrorRow[]>();
  const seen = new Set<string>();
  const add = (folder: string, rows: readonly ErrorRow[]) => {
    const own = rows.filter((row) => !seen.has(JSON.stringify(row)));
    for (const row of own) seen.add(JSON.stringify(row));
    tables.set(folder, [...(tables.get(folder) ?? []), ...own]);
  };
  for (const path of files(/(^|-|\/)errors\.ts$/))
    add(dirname(path), (await exportsOf(path, /_ERRORS$/)).flatMap(rowsOf));
  add("tools", rowsOf(JSON.parse(readFileSync(join(ROOT, "tools/errors.json"), "utf8"))));
  return new Map([...tables].filter(([, rows]) => rows.length > 0));
}

/** Every `*_METRICS` catalogue of every metrics.ts. */
export async function readMetricTables(): Promise<MetricTables> {
  const tables = new Map<string, readonly MetricSpec[]>();
  for (const path of files(/(^|\/)metrics\.ts$/)) {
    const catalogues = (await exportsOf(path, /_METRICS$/)) as readonly Record<string, MetricSpec>[];
    if (catalogues.length > 0)
      tables.set(
        dirname(path),
        catalogues.flatMap((catalogue) => Object.values(catalogue)),
      );
  }
  return tables;
}

/** The generated documents by path, as they should stand. */
export async function renderDocs(): Promise<ReadonlyMap<string, string>> {
  const { buildProgram } = await import("../cli/main.ts");
  return new Map([
    ["docs/errors.md", renderErrors(await readErrorTables())],
    ["docs/metrics.md", renderMetrics(await readMetricTables())],
    ["docs/cli.md", renderCommandLine(await buildProgram())],
  ]);
}

function renderErrors(tables: ErrorTables): string {
  const sections = [...tables].map(([folder, rows]) => {
    const lines = rows.map(({ code, means, fix }) => `| \`${code}\` | ${cell(means)} | ${cell(fix)} |`);
    return `## ${folder}\n\n| code | what it means | what to do |\n|---|---|---|\n${lines.join("\n")}\n`;
  });
  return `${title("Error codes", "Every error says its code, the thing it is about, and what to do next.")}${sections.join("\n")}`;
}

function renderMetrics(tables: MetricTables): string {
  const sections = [...tables].map(([folder, specs]) => {
    const lines = specs.map(({ name, type, unit, labels, help }) => {
      const names = labels.map((label) => `\`${label}\``).join(" ");
      return `| \`${name}\` | ${type} | ${unit} | ${names} | ${cell(help)} |`;
    });
    return `## ${folder}\n\n| metric | type | unit | labels | help |\n|---|---|---|---|---|\n${lines.join("\n")}\n`;
  });
  return `${title("Metrics", "What each service exports at `/metrics`, by folder. Units are UCUM: `1` counts, `s` is seconds, `By` is bytes.")}${sections.join("\n")}`;
}

function renderCommandLine(program: Command): string {
  const sections = commandsOf(program, "").map(({ name, command }) => {
    return `## ${name}\n\n\`\`\`\n${helpOf(command).trimEnd()}\n\`\`\`\n`;
  });
  return `${title("Command line", `${"`outrider COMMAND --help`"} prints the same.\n${EXIT_CODES}`)}${sections.join("\n")}`;
}

/** The command and all below it, by what a person types: "outrider slo status". */
export function commandsOf(command: Command, above: string): { name: string; command: Command }[] {
  const name = `${above} ${command.name()}`.trim();
  const below = command.commands.filter((one) => !hidden(one)).flatMap((one) => commandsOf(one, name));
  return [{ name, command }, ...below];
}

function hidden(command: Command): boolean {
  return (command as unknown as { _hidden?: boolean })._hidden === true;
}

/** What `--help` prints, with the text that commands add after it, at a fixed width and without colour. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (chunk) => {
      text += chunk;
    },
    getOutHelpWidth: () => CLI_COLUMNS,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text;
}

function title(name: string, sentence: string): string {
  return `# ${name}\n\n${sentence}\nGenerated by \`node tools/docs.ts\` from the sources' own tables; edit those.\n\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function rowsOf(table: unknown): ErrorRow[] {
  const entries = Object.entries(table as Record<string, { means: string; fix: string }>);
  return entries.map(([code, { means, fix }]) => ({ code, means, fix }));
}

function files(name: RegExp): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => name.test(path))
      .map((path) => `${folder}/${path}`)
      .sort(),
  );
}

async function exportsOf(path: string, name: RegExp): Promise<unknown[]> {
  const module = (await import(pathToFileURL(join(ROOT, path)).href)) as Record<string, unknown>;
  return Object.keys(module)
    .filter((key) => name.test(key))
    .map((key) => module[key]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of await renderDocs()) writeFileSync(join(ROOT, path), text);
}
