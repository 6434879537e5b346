import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { commandsOf, type ErrorTables, readErrorTables, readMetricTables, renderDocs } from "../tools/docs.ts";
import { type Node, ROOT, readSources } from "./support/sources.ts";

const README_MAX_LINES = 120;

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

describe("generated documents say what the sources say (node tools/docs.ts writes them)", () => {
  it.each(["docs/errors.md", "docs/metrics.md", "docs/cli.md"])("%s", async (path) => {
    expect(read(path)).toBe((await renderDocs()).get(path));
  });
});

describe("error codes", () => {
  const sources = readSources();
  let tables: ErrorTables;
  beforeAll(async () => {
    tables = await readErrorTables();
  });
  const listed = () => [...tables.values()].flat().map(({ code }) => code);

  it("stand in one table only", () => {
    const codes = listed();
    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
  });

  it("that are thrown have a row", () => {
    const known = new Set(listed());
    const thrown = sources.flatMap(({ path, nodes }) => nodes.flatMap(thrownCode).map((code) => ({ path, code })));
    expect(thrown.length).toBeGreaterThan(20);
    expect(thrown.filter(({ code }) => !known.has(code))).toEqual([]);
  });

  it("that have a row are used", () => {
    const tools = ["run.mjs", "install.mjs", "real.mjs", "parts.mjs", "build.mjs", "lock.mjs"];
    const texts = sources.filter(({ path }) => !/(\/|-)errors\.ts$/.test(path)).map(({ text }) => text);
    texts.push(...tools.map((name) => read(`tools/${name}`)), read("core/base/errors.ts"));
    const all = texts.join("\n");
    expect(listed().filter((code) => !new RegExp(`\\b${code}\\b`).test(all))).toEqual([]);
  });

  it("say what they mean and what to do, in one sentence each", async () => {
    const rows = [...tables.values()].flat();
    expect(rows.filter(({ code }) => !/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(code))).toEqual([]);
    expect(rows.filter(({ means, fix }) => means.length < 15 || fix.length < 10)).toEqual([]);
  });
});

describe("metrics", () => {
  it("have one name each, by the Prometheus conventions", async () => {
    const specs = [...(await readMetricTables()).values()].flat();
    const names = specs.map(({ name }) => name);
    expect(specs.length).toBeGreaterThan(15);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names.filter((name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name))).toEqual([]);
    expect(specs.filter(({ type, name }) => (type === "counter") !== name.endsWith("_total"))).toEqual([]);
    expect(specs.filter(({ unit, name }) => unit === "s" && !/_seconds(_total)?$/.test(name))).toEqual([]);
    expect(specs.flatMap(({ labels }) => labels).filter((label) => !/^[a-z][a-z_]*$/.test(label))).toEqual([]);
  });
});

describe("README.md", () => {
  const text = read("README.md");

  it(`is under ${README_MAX_LINES} lines`, () => expect(text.split("\n").length).toBeLessThan(README_MAX_LINES));

  it("names only npm scripts that exist, and the two that a newcomer needs", () => {
    const scripts = Object.keys(JSON.parse(read("package.json")).scripts);
    const named = [...text.matchAll(/(?:^|`)npm (?:run )?((?!run\b)[a-z:]+)/gm)].map(([, script]) => script);
    expect(named.filter((script) => !scripts.includes(script ?? ""))).toEqual([]);
    expect(named).toEqual(expect.arrayContaining(["demo", "test"]));
  });

  it("names only commands that exist", async () => {
    const { buildProgram } = await import("../cli/main.ts");
    const names = commandsOf(await buildProgram(), "").map(({ name }) => name);
    const named = [...text.matchAll(/`(outrider [a-z]+)/g)].map(([, command = ""]) => command);
    expect(named.filter((command) => !names.includes(command))).toEqual([]);
  });
});

describe("documents", () => {
  const documents = ["README.md", "CHANGELOG.md", ...markdownIn("docs")];

  it("link only to what exists", () => {
    const dead = documents.flatMap((path) =>
      [...read(path).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map(([, target = ""]) => target)
        .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(path), target)))
        .map((target) => `${path} links to ${target}`),
    );
    expect(dead).toEqual([]);
  });

  it("name only sources that exist", () => {
    const named = documents.flatMap((path) =>
      [
        ...read(path).matchAll(/`((?:core|admission|scanner|mesh|sidecar|collector|dashboards|cli|tools)\/[\w./-]*)`/g),
      ].map(([, target = ""]) => ({ path, target })),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ target }) => !existsSync(join(ROOT, target)))).toEqual([]);
  });

  it("point only to tests that exist", () => {
    const dead = documents.flatMap((path) =>
      [...read(path).matchAll(/`(tests\/[\w./-]+\.ts)`/g)]
        .map(([, target = ""]) => target)
        .filter((target) => !existsSync(join(ROOT, target)))
        .map((target) => `${path} names ${target}`),
    );
    expect(dead).toEqual([]);
  });

  it("have every runbook that a source names", () => {
    const named = readSources().flatMap(({ text }) => text.match(/docs\/runbooks\/[\w-]+\.md/g) ?? []);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("number decisions without a gap, each with its context, decision and consequences", () => {
    const names = readdirSync(join(ROOT, "docs/decisions"))
      .filter((name) => name.endsWith(".md"))
      .sort();
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, index) => index + 1));
    const partial = names.filter((name) => {
      const headings = [...read(`docs/decisions/${name}`).matchAll(/^## (\w+)/gm)].map(([, heading]) => heading);
      return !["Context", "Decision", "Consequences"].every((heading) => headings.includes(heading));
    });
    expect(partial).toEqual([]);
  });
});

describe("nothing committed speaks of one machine", () => {
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" }).split("\0");
  const texts = files.filter(
    (path) => /\.(ts|tsx|mjs|md|json|ya?ml|sh)$|^\.ci\/|^tools\//.test(path) && existsSync(join(ROOT, path)),
  );

  it("neither a home or work folder, nor a registry's host, nor a download address", () => {
    const telling =
      /(?<![\w.-])\/(?:work|root|home|Users)\/[\w.]|registry\.npmjs\.org|proxy\.golang\.org|"resolved": "htt[p]/;
    const found = texts.flatMap((path) => {
      const line = read(path)
        .split("\n")
        .findIndex((text) => telling.test(text));
      return line === -1 ? [] : [`${path}:${line + 1}`];
    });
    expect(found).toEqual([]);
  });
});

/** The code of `new CodedError("CODE", …)` when it is written out. */
function thrownCode(node: Node): string[] {
  if (node.type !== "NewExpression" || (node["callee"] as Node)["name"] !== "CodedError") return [];
  const [first] = node["arguments"] as readonly Node[];
  return first?.type === "Literal" ? [String(first["value"])] : [];
}

function markdownIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`);
}
