import { describe, expect, it } from "@jest/globals";
import { readImportTable, tableUnder } from "./support/import-table.ts";
import { type Node, parseSource, quantile, readSources, type Source } from "./support/sources.ts";

const PURE_FOLDERS = ["core/wire/", "core/policy/", "core/slo/"];
const PURE_PACKAGES = /^zod$|^kubernetes-types\//;
const OUTSIDE_THE_LANGUAGE = ["process", "Buffer", "performance", "crypto", "fetch", "require", "navigator"];
const TIMERS = ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"];

const sources = readSources();
const table = readImportTable();

describe("the import table of docs/ARCHITECTURE.md", () => {
  it("has a row for every folder that has sources", () => {
    expect(sources.filter(({ path }) => table.folderOf(path) === undefined).map(({ path }) => path)).toEqual([]);
  });

  it("names only folders that it has rows for", () => {
    const named = tableUnder("Who may import whom").flatMap(([, allowed = ""]) => allowed.split(" "));
    const unknown = named.filter((entry) => entry !== "" && !entry.startsWith("*") && !table.folders.includes(entry));
    expect(unknown).toEqual([]);
  });

  it("is obeyed by every import, type-only ones too", () => {
    expect(sources.flatMap(forbiddenImports)).toEqual([]);
  });

  it("lets nothing import cli", () => {
    const intoCli = sources.filter(({ path }) => !path.startsWith("cli/")).flatMap(importsOf("cli/"));
    expect(intoCli).toEqual([]);
  });

  it("has no import whose target is computed, which it could not judge", () => {
    expect(sources.flatMap(importsNamed(/^\(computed\)$/))).toEqual([]);
  });

  it.each([
    ["a value", 'import { run } from "../../mesh/main.ts";'],
    ["a type", 'import type { Run } from "../../mesh/main.ts";'],
    ["a type in place", 'export type Run = import("../../mesh/main.ts").Run;'],
    ["a name passed on", 'export { run } from "../../mesh/main.ts";'],
    ["everything passed on", 'export * from "../../mesh/main.ts";'],
    ["at run time", 'const mesh = await import("../../mesh/main.ts");'],
  ])("sees a forbidden import of %s", (_, text) => {
    const problem = "core/wire/x.ts imports mesh/main.ts: core/wire may not import mesh";
    expect(forbiddenImports(parseSource("core/wire/x.ts", text))).toEqual([problem]);
  });
});

describe("core/wire, core/policy and core/slo are pure", () => {
  const pure = sources.filter(({ path }) => PURE_FOLDERS.some((folder) => path.startsWith(folder)));

  it("imports no node: module and no package but zod and types", () => {
    const outside = pure.flatMap(({ path, imports }) =>
      imports
        .filter(({ file, specifier }) => file === undefined && !PURE_PACKAGES.test(specifier))
        .map((i) => `${path} imports ${i.specifier}`),
    );
    expect(outside).toEqual([]);
  });

  it("reads no clock and no randomness", () => {
    expect(pure.flatMap((source) => where(source, isClockOrChance))).toEqual([]);
  });

  it("touches no global that only Node or a browser has", () => {
    expect(pure.flatMap((source) => globalsUsed(source, [...OUTSIDE_THE_LANGUAGE, ...TIMERS]))).toEqual([]);
  });
});

describe("the purity rules", () => {
  it.each([
    ["the clock", "const now = Date.now();", isClockOrChance],
    ["the clock by construction", "const now = new Date();", isClockOrChance],
    ["chance", "const x = Math.random();", isClockOrChance],
    ["the environment", "const x = process.env.HOME;", isProcessOwned],
    ["the end of the process", "process.exit(1);", isProcessOwned],
  ] as const)("see a use of %s", (_, text, rule) => {
    expect(where(parseSource("core/wire/x.ts", text), rule)).toHaveLength(1);
  });

  it("see a Node global, and not a parameter of the same name", () => {
    const use = "export const f = () => Buffer.from([]); export const g = () => setTimeout(f, 1);";
    const passedIn = "export const f = (crypto: Crypto) => crypto.subtle;";
    expect(globalsUsed(parseSource("core/wire/x.ts", use), ["Buffer", "setTimeout"])).toHaveLength(2);
    expect(globalsUsed(parseSource("core/wire/x.ts", passedIn), ["crypto"])).toEqual([]);
  });

  it("let a given moment be turned into a date", () => {
    expect(
      where(parseSource("core/wire/x.ts", "export const f = (ms: number) => new Date(ms);"), isClockOrChance),
    ).toEqual([]);
  });
});

describe("the process belongs to whoever starts it", () => {
  const startsProcesses = /^cli\/|\/(main|bin)\.ts$|-worker\.ts$/;

  it("has its environment, arguments and exit touched only by main.ts, bin.ts and cli/", () => {
    const others = sources.filter(({ path }) => !startsProcesses.test(path));
    expect(others.flatMap((source) => where(source, isProcessOwned))).toEqual([]);
  });

  it("is not imported by name, which would hide such a use", () => {
    expect(sources.flatMap(importsNamed(/^(node:)?process$/))).toEqual([]);
  });
});

describe("each service has one path file", () => {
  const rows = tableUnder("Path files").map(([path = "", name = ""]) => [path, name] as const);

  it("and the list of them is not empty", () => expect(rows.length).toBeGreaterThanOrEqual(4));

  it.each(rows)("%s: %s is at most 25 lines of code", (path, name) => {
    const source = sources.find((candidate) => candidate.path === path);
    const flow = source?.functions.filter((candidate) => candidate.name === name) ?? [];
    expect({ path, name, found: flow.length > 0 }).toEqual({ path, name, found: true });
    expect(Math.max(...flow.map(({ codeLines }) => codeLines))).toBeLessThanOrEqual(25);
    expect(Math.max(...flow.map(({ codeLines }) => codeLines))).toBeGreaterThanOrEqual(3);
  });
});

describe("files and functions stay readable", () => {
  const functions = sources.flatMap(({ path, functions: own }) => own.map((one) => ({ ...one, path })));

  it("nine files of ten are under 250 lines, half under 110", () => {
    const lines = sources.map((source) => source.lines);
    expect(quantile(lines, 0.9)).toBeLessThan(250);
    expect(quantile(lines, 0.5)).toBeLessThan(110);
  });

  it("nine functions of ten are under 35 lines, half under 12", () => {
    const lines = functions.map((one) => one.lines);
    expect(quantile(lines, 0.9)).toBeLessThan(35);
    expect(quantile(lines, 0.5)).toBeLessThan(12);
  });

  it("no file is over 400 lines", () => {
    expect(sources.filter(({ lines }) => lines > 400).map(({ path, lines }) => `${path} has ${lines}`)).toEqual([]);
  });

  it("no function is over 60 lines, or 80 where it is markup or a panel", () => {
    const most = (path: string) => (/\.tsx$|^dashboards\//.test(path) ? 80 : 60);
    const long = functions.filter(({ path, lines }) => lines > most(path));
    expect(long.map(({ path, line, name, lines }) => `${path}:${line} ${name} has ${lines}`)).toEqual([]);
  });
});

function forbiddenImports({ path, imports }: Source): string[] {
  const from = table.folderOf(path);
  return imports.flatMap(({ file }) => {
    const to = file === undefined ? undefined : table.folderOf(file);
    if (file === undefined || to === from || from === undefined) return [];
    return table.allows(from, file) ? [] : [`${path} imports ${file}: ${from} may not import ${to ?? "it"}`];
  });
}

function importsOf(prefix: string): (source: Source) => string[] {
  return ({ path, imports }) =>
    imports.filter(({ file }) => file?.startsWith(prefix)).map(({ file }) => `${path} imports ${file}`);
}

function importsNamed(pattern: RegExp): (source: Source) => string[] {
  return ({ path, imports }) =>
    imports.filter((i) => pattern.test(i.specifier)).map((i) => `${path} imports ${i.specifier}`);
}

function where(source: Source, matches: (node: Node, source: Source) => boolean): string[] {
  return source.nodes.filter((node) => matches(node, source)).map((node) => `${source.path}: ${snippet(source, node)}`);
}

function snippet({ text }: Source, node: Node): string {
  return text.slice(node.start, Math.min(node.end, node.start + 60)).split("\n")[0] ?? "";
}

/** `Date.now()`, `Math.random()`, `new Date()` with nothing in it, `Date()`. */
function isClockOrChance(node: Node): boolean {
  if (node.type === "MemberExpression") return ["Date.now", "Math.random"].includes(dotted(node));
  if (node.type !== "NewExpression" && node.type !== "CallExpression") return false;
  const args = node["arguments"] as readonly unknown[];
  return dotted(node["callee"] as Node) === "Date" && (node.type === "CallExpression" || args.length === 0);
}

function isProcessOwned(node: Node): boolean {
  return ["process.env", "process.argv", "process.exit", "process.exitCode"].includes(dotted(node));
}

function dotted(node: Node): string {
  if (node.type === "Identifier") return String(node["name"]);
  if (node.type !== "MemberExpression" || node["computed"] === true) return "";
  return `${dotted(node["object"] as Node)}.${dotted(node["property"] as Node)}`;
}

/** Uses of a global as a value: `name.member`, `name(...)`, `new name()`, unless the file binds that name itself. */
function globalsUsed(source: Source, names: readonly string[]): string[] {
  const bound = new Set(source.nodes.flatMap(bindings));
  return where(source, (node) => {
    const used = node.type === "MemberExpression" ? node["object"] : node["callee"];
    const name = used === undefined ? "" : dotted(used as Node).replace(/^globalThis\./, "");
    return names.includes(name) && !bound.has(name);
  });
}

/** Names that a node binds: variables, imports, functions, parameters. */
function bindings(node: Node): string[] {
  const places = [node["id"], node["local"], ...((node["params"] as readonly unknown[] | undefined) ?? [])];
  return places.filter((place) => place !== null && place !== undefined).map((place) => dotted(place as Node));
}
