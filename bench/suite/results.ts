import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { Outcome } from "./row.ts";
import { measureOf, rounded } from "./suite.ts";

const FILE = join(import.meta.dirname, "../RESULTS.md");

/** Replaces a suite's section of RESULTS.md, or adds it at the end; the rest of the file is left as it is. */
export function writeSection(
  name: string,
  about: string,
  outcomes: readonly Outcome[],
  versions: readonly string[],
): void {
  const [start, end] = [`<!-- ${name}: written by npm run bench -- ${name} -->`, `<!-- end of ${name} -->`];
  const text = readFileSync(FILE, "utf8");
  const from = text.indexOf(start);
  const to = text.indexOf(end);
  const section = `${start}\n\n${render(name, about, outcomes, versions)}\n${end}`;
  const whole =
    from === -1 || to === -1
      ? `${text.trimEnd()}\n\n${section}\n`
      : text.slice(0, from) + section + text.slice(to + end.length);
  writeFileSync(FILE, whole);
}

function render(name: string, about: string, outcomes: readonly Outcome[], versions: readonly string[]): string {
  const rows = outcomes.map(
    (outcome) => `| ${[outcome.path, ...cells(outcome), outcome.ok ? "met" : "missed", outcome.note].join(" | ")} |`,
  );
  return [
    `## ${name}`,
    "",
    `${about} The value is the median of the rounds with the least and the greatest; the ratio is the median of the`,
    "rounds' own ratios, to the peer where one is named and to the bar where not.",
    "",
    "| path | measured | ratio | must be | | how |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    `Measured at ${commit()} on ${machine()}; ${versions.join(", ")}.`,
    "",
  ].join("\n");
}

function cells(outcome: Outcome): string[] {
  const { ratio, sense, bar, peer } = outcome;
  const must = `${sense} ${bar}${peer === undefined ? "" : ` × ${peer}`}`;
  return ratio === undefined ? ["", "", must] : [measureOf(outcome), rounded(ratio), must];
}

function commit(): string {
  return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: import.meta.dirname, encoding: "utf8" }).trim();
}

function machine(): string {
  const all = cpus();
  return `${all[0]?.model.replace(/\s+/g, " ").trim()}, ${all.length} cores, Node ${process.versions.node}`;
}
