import { readdirSync, readFileSync } from "node:fs";
import { type Program, startProgram } from "../../tests/real/support/program.ts";

/** Longest wait for a program to say that it is ready, in milliseconds. */
const READY_DEADLINE_MS = 60_000;

/** A program under measurement. */
export interface Measured {
  readonly pid: number;
  /** What matched `ready`. */
  readonly said: RegExpExecArray;
  readonly stop: Program["stop"];
}

/** Starts a program and waits until its output matches. */
export async function startMeasured(
  path: string,
  args: readonly string[],
  ready: RegExp,
  env: NodeJS.ProcessEnv = {},
): Promise<Measured> {
  const program = startProgram(path, args, env);
  const said = await program.said(ready, READY_DEADLINE_MS);
  return { pid: program.child.pid ?? 0, said, stop: program.stop };
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
