import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

export interface DemoRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the built command as a user would; `collect` gives what it printed and how it ended. */
export function startDemo(...args: string[]): {
  child: ChildProcess;
  collect: Promise<DemoRun>;
  line(pattern: RegExp): Promise<RegExpExecArray>;
} {
  const child = spawn(process.execPath, [join(ROOT, "dist/outrider.js"), "demo", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: process.env, // the test's own, which may differ from what a child would inherit
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const collect = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, collect, line: (pattern) => lineOf(() => `${stdout}\n${stderr}`, pattern, collect) };
}

export const runDemo = (...args: string[]): Promise<DemoRun> => startDemo(...args).collect;

/** The verdict objects of `--json`, by name. */
export function verdictsOf(run: DemoRun): { name: string; expected: string; got: string; ok: boolean }[] {
  return run.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { name: string; expected: string; got: string; ok: boolean });
}

/** What is red, with what was got: the form in which a failing test is readable. */
export function redLines(run: DemoRun): string[] {
  return verdictsOf(run)
    .filter((verdict) => !verdict.ok)
    .map((verdict) => verdict.name);
}

async function lineOf(text: () => string, pattern: RegExp, ended: Promise<DemoRun>): Promise<RegExpExecArray> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (;;) {
    const match = pattern.exec(text());
    if (match !== null) return match;
    if (over) throw new Error(`the demo ended before ${pattern}:\n${text()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
