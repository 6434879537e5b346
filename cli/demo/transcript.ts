import Table from "cli-table3";
import pc from "picocolors";
import type { Finding, Verdict, VerdictName } from "./verdicts.ts";

/** Columns the transcript is written for. */
const WIDTH = 110;

/** What a person reads while the demo runs: acts, what was done, what was seen, and at the end the table. */
export interface Transcript {
  act(title: string, what: string): void;
  /** A plain line under the current act. */
  say(text: string): void;
  /** Something quoted from a part: an answer, a patch, a rule. */
  quote(text: string): void;
  verdict(name: VerdictName, finding: Finding): void;
  /** On standard error, replaced by the next one when it is a terminal. */
  progress(text: string): void;
  table(verdicts: readonly Verdict[], seconds: number): void;
}

interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly json: boolean;
  readonly colour: boolean;
}

export function createTranscript({ stdout, stderr, json, colour }: Output): Transcript {
  const c = pc.createColors(colour);
  const clear = stderr.isTTY === true ? "\r\u001b[2K" : "";
  const print = (text: string): void => {
    if (json) return;
    stderr.write(clear);
    stdout.write(`${text}\n`);
  };
  return {
    act: (title, what) => print(`\n${c.bold(title)}  ${c.dim(what)}`),
    say: (text) => print(`  ${shortDigests(text)}`),
    quote: (text) =>
      print(
        quoted(text)
          .map((line) => c.dim(`    │ ${line}`))
          .join("\n"),
      ),
    verdict: (name, { ok, got }) =>
      print(`  ${ok ? c.green("✓") : c.red("✗")} ${name}  ${c.dim(short(got, WIDTH - name.length - 6))}`),
    progress: (text) => {
      if (stderr.isTTY === true) stderr.write(`${clear}${c.dim(`  … ${text}`)}`);
      else stderr.write(`… ${text}\n`);
    },
    table: (verdicts, seconds) => {
      stderr.write(clear);
      stdout.write(json ? jsonLines(verdicts) : renderTable(verdicts, seconds, c));
    },
  };
}

function jsonLines(verdicts: readonly Verdict[]): string {
  return verdicts.map(({ name, expected, got, ok }) => `${JSON.stringify({ name, expected, got, ok })}\n`).join("");
}

function renderTable(verdicts: readonly Verdict[], seconds: number, c: ReturnType<typeof pc.createColors>): string {
  const table = new Table({
    head: ["", "verdict", "expected", "got"],
    style: { head: [], border: [], compact: true },
    colWidths: [3, 45, 46, 60],
  });
  for (const { name, expected, got, ok } of verdicts) table.push([ok ? c.green("✓") : c.red("✗"), name, expected, got]);
  const red = verdicts.filter((verdict) => !verdict.ok).length;
  const all = `${verdicts.length} lines`;
  const sum = red === 0 ? c.green(`all ${all} as expected`) : c.red(`${red} of ${all} not as expected`);
  return `\n${table.toString()}\n\n${sum}, in ${seconds.toFixed(1)} s\n`;
}

/** Digests as people compare them. */
function shortDigests(text: string): string {
  return text.replaceAll(/(sha256:[0-9a-f]{8})[0-9a-f]{56}/g, "$1…");
}

/** Quoted lines, wrapped at words under their own indentation; a word that is too long is cut. */
function quoted(text: string): string[] {
  return shortDigests(text).trimEnd().split("\n").flatMap(wrap);
}

function wrap(line: string): string[] {
  const indent = /^ */.exec(line)?.[0] ?? "";
  const lines: string[] = [];
  let current = indent;
  for (const word of line.slice(indent.length).split(" ")) {
    if (current.length + word.length > WIDTH && current.trim() !== "") {
      lines.push(current.trimEnd());
      current = indent;
    }
    current += `${short(word, WIDTH - indent.length)} `;
  }
  return [...lines, current.trimEnd()];
}

function short(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;
}
