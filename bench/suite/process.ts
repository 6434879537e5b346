import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Longest wait for a program to say that it is ready, and to end, in milliseconds. */
const READY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 5_000;

/** A program under measurement. */
export interface Measured {
  readonly pid: number;
  /** What matched `ready`. */
  readonly said: RegExpExecArray;
  /** Everything printed so far. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts a program and waits until its output matches. */
export async function startMeasured(
  program: string,
  args: readonly string[],
  ready: RegExp,
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Measured> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  let output = "";
  const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
  const hear = (text: string) => {
    output = `${output}${text}`.slice(-1_000_000);
    const match = ready.exec(output);
    if (match !== null) resolve(match);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", hear);
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`${program} ended with ${code}:\n${output}`)));
  const late = setTimeout(() => reject(new Error(`${program} did not say ${ready}:\n${output}`)), READY_DEADLINE_MS);
  const said = await promise.finally(() => clearTimeout(late));
  return { pid: child.pid ?? 0, said, output: () => output, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}

/**
 * CPU time of all threads of a process so far, in seconds: run time only, not the wait for a core, so that a
 * neighbour's load does not count. @see proc_pid_schedstat(5)
 */
export function cpuSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) => {
    try {
      return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      return 0; // a thread that ended meanwhile
    }
  });
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e9;
}

/** Resident memory of a process, in MiB. */
export function residentMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
