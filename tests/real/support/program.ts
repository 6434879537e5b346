import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const POLL_MS = 100;
const STOP_DEADLINE_MS = 10_000;
const RUN_DEADLINE_MS = 60_000;
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/** A program that runs until it is stopped, with everything it printed so far. */
export interface Program {
  readonly child: ChildProcess;
  output(): string;
  /** Waits until the output matches. Throws with the output when the program ends or the time is up before. */
  said(pattern: RegExp, deadlineMs: number): Promise<RegExpExecArray>;
  stop(): Promise<void>;
}

export function startProgram(path: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  const said = async (pattern: RegExp, deadlineMs: number) => {
    const what = `${path} ${args.join(" ")} to say ${pattern}`;
    return eventually(what, deadlineMs, () => {
      const match = pattern.exec(output);
      if (match === null && child.exitCode !== null)
        throw new Error(`${path} ended with ${child.exitCode}:\n${output}`);
      return match ?? undefined;
    }).catch((cause) => Promise.reject(new Error(`${(cause as Error).message}\n${output}`, { cause })));
  };
  return { child, output: () => output, said, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}

/** Asks again and again until there is an answer; the last error is the reason when there never is. */
export async function eventually<T>(
  what: string,
  deadlineMs: number,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const startedMs = performance.now();
  let last: unknown;
  while (performance.now() - startedMs < deadlineMs) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (thrown) {
      last = thrown;
      if (thrown instanceof Error && / ended with /.test(thrown.message)) throw thrown;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`waited ${deadlineMs} ms for ${what}`, { cause: last });
}

/** Runs a program to its end. `code` is its exit code; nothing throws. */
export async function run(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input?: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const options = { env: { ...process.env, ...env }, timeout: RUN_DEADLINE_MS, maxBuffer: OUTPUT_LIMIT_BYTES };
  const running = promisify(execFile)(path, args, options);
  running.child.stdin?.on("error", () => {}); // a program may end before it was told everything; its exit code tells
  running.child.stdin?.end(input ?? "");
  try {
    const { stdout, stderr } = await running;
    return { code: 0, stdout, stderr };
  } catch (thrown) {
    const {
      code,
      stdout = "",
      stderr = "",
      message,
    } = thrown as Error & { code?: unknown; stdout?: string; stderr?: string };
    return { code: typeof code === "number" ? code : 1, stdout, stderr: stderr === "" ? message : stderr };
  }
}

/** Like `run`, for steps that must succeed before anything can be tested. */
export async function must(path: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, stdout, stderr } = await run(path, args, env);
  if (code !== 0) throw new Error(`${path} ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** A loopback address of our own: Linux routes all of 127.0.0.0/8 to the loopback device, so ports never clash. */
export function ownAddress(): string {
  return `127.${randomInt(10, 250)}.${randomInt(1, 250)}.${randomInt(2, 250)}`;
}

/** A temporary folder, made when its path is first asked for: a skipped suite leaves nothing behind. */
export function ownFolder(): { readonly path: string; remove: () => void } {
  let made: string | undefined;
  return {
    get path() {
      made ??= mkdtempSync(join(tmpdir(), "outrider-real-"));
      return made;
    },
    remove: () => {
      if (made !== undefined) rmSync(made, { recursive: true, force: true });
    },
  };
}
