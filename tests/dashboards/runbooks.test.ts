import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { buildProgram } from "../../cli/main.ts";
import { CATALOGUE, seriesNames } from "../../dashboards/catalogue.ts";
import { expressionProblems } from "../../dashboards/check.ts";
import { commandsOf, readErrorTables } from "../../tools/docs.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "docs/runbooks");
const RUNBOOKS = readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name), "utf8")] as const);

describe.each(RUNBOOKS)("docs/runbooks/%s", (_name, text) => {
  const blocks = [...text.matchAll(/^ *```\n([\s\S]*?)^ *```$/gm)].map(([, block]) => (block ?? "").trim().split("\n"));
  const lines = blocks.flat().map((line) => line.trim());

  it("says what it means, what to do first and when to escalate", () => {
    for (const heading of ["## What it means", "## The first five minutes", "## When to escalate"]) {
      expect(text).toContain(heading);
    }
  });

  it("gives queries that Prometheus accepts, on metrics that exist", () => {
    const queries = lines.filter((line) => /\boutrider_/.test(line));
    for (const query of queries) expect([query, expressionProblems(query)]).toEqual([query, []]);
    const known = new Set(CATALOGUE.flatMap(seriesNames));
    const named = [...text.matchAll(/\boutrider_[a-z_]+/g)].map(([name]) => name);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it("names only commands and flags of outrider that exist", async () => {
    const commands = commandsOf(await buildProgram(), "");
    for (const line of [...lines, ...[...text.matchAll(/`(outrider [^`]+)`/g)].map(([, code]) => code ?? "")]) {
      if (!line.startsWith("outrider ")) continue;
      const command = commands
        .filter(({ name }) => line.startsWith(name))
        .toSorted((a, b) => b.name.length - a.name.length)[0];
      const flags = command?.command.options.map(({ long }) => long) ?? [];
      for (const [flag] of line.matchAll(/--[a-z-]+/g))
        expect([line, flags]).toEqual([line, expect.arrayContaining([flag])]);
      expect([line, command?.name]).not.toEqual([line, "outrider"]);
    }
  });

  it("names only error codes that exist", async () => {
    const known = [...(await readErrorTables()).values()].flat().map(({ code }) => code);
    const named = [...text.matchAll(/`((?:IMG|PSS|REGO|CA|TOKEN|SIDECAR)_[A-Z0-9_]*[A-Z0-9])`/g)].map(
      ([, code]) => code,
    );
    expect(named.filter((code) => !known.includes(code ?? ""))).toEqual([]);
  });

  it("links to files that exist", () => {
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link ?? "");
    expect(links.filter((link) => !existsSync(join(FOLDER, link)))).toEqual([]);
  });
});
