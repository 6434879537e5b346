import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CodedError } from "../../core/base/errors.ts";

/** Longest wait for a part's ready line, in milliseconds: a cold start on a loaded machine takes seconds. */
export const READY_DEADLINE_MS = 30_000;
/** Longest wait for a part to end by itself after SIGTERM, in milliseconds; then SIGKILL. */
const STOP_DEADLINE_MS = 3_000;
/** Wait before a dead part is started again, in milliseconds: long enough for its loss to show on the page. */
const RESTART_DELAY_MS = 4_000;

/** A process of the demo: `args` follow the Node binary. */
export interface PartSpec {
  readonly name: string;
  readonly args: readonly string[];
}

export type PartChange = { readonly name: string; readonly what: "died" | "restarted"; readonly pid: number };

/** Starts the demo's parts, restarts one that dies, and ends them all; each part's output goes to its own log file. */
export interface Supervisor {
  /** Resolves when the part said it is ready. @throws {CodedError} DEMO_PART_DIED, DEMO_PART_NOT_READY */
  start(spec: PartSpec): Promise<void>;
  /** Stops a part from answering without ending it, as a machine that hangs would. */
  freeze(name: string): void;
  thaw(name: string): void;
  pid(name: string): number | undefined;
  stopAll(): Promise<void>;
}

interface Part {
  readonly spec: PartSpec;
  child: ChildProcess;
  ready: Promise<void>;
}

export function createSupervisor(logFolder: string, onChange: (change: PartChange) => void): Supervisor {
  const parts = new Map<string, Part>();
  let stopping = false;

  function launch(spec: PartSpec): Part {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...spec.args], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, OUTRIDER_TETHERED: "1" },
    });
    const part: Part = { spec, child, ready: readyLine(spec.name, child, join(logFolder, `${spec.name}.log`)) };
    part.ready.catch(() => {});
    child.once("exit", () => void restart(part));
    parts.set(spec.name, part);
    return part;
  }

  async function restart(part: Part): Promise<void> {
    const wasReady = await part.ready.then(
      () => true,
      () => false,
    );
    if (stopping || !wasReady) return;
    onChange({ name: part.spec.name, what: "died", pid: part.child.pid ?? 0 });
    await new Promise((resolve) => setTimeout(resolve, RESTART_DELAY_MS));
    if (stopping) return;
    const next = launch(part.spec);
    await next.ready.then(
      () => onChange({ name: part.spec.name, what: "restarted", pid: next.child.pid ?? 0 }),
      () => {},
    );
  }

  return {
    start: async (spec) => {
      if (stopping)
        throw new CodedError("DEMO_STOPPED", `${spec.name}: not started, the demo is ending`, "run it again");
      await launch(spec).ready;
    },
    freeze: (name) => parts.get(name)?.child.kill("SIGSTOP"),
    thaw: (name) => parts.get(name)?.child.kill("SIGCONT"),
    pid: (name) => parts.get(name)?.child.pid,
    stopAll: async () => {
      stopping = true;
      await Promise.all([...parts.values()].map((part) => stop(part.child)));
    },
  };
}

/** Resolves at the line `"msg":"ready"`; everything the part prints is kept in its log. */
function readyLine(name: string, child: ChildProcess, logFile: string): Promise<void> {
  const log = createWriteStream(logFile, { flags: "a" });
  child.stderr?.pipe(log, { end: false });
  return new Promise((resolve, reject) => {
    const fail = (code: "DEMO_PART_NOT_READY" | "DEMO_PART_DIED", what: string) => {
      reject(new CodedError(code, `${name}: ${what} (log: ${logFile})`, `read ${logFile}`));
    };
    const timer = setTimeout(
      () => fail("DEMO_PART_NOT_READY", `not ready after ${READY_DEADLINE_MS} ms`),
      READY_DEADLINE_MS,
    );
    child.once("error", (error) => fail("DEMO_PART_DIED", error.message));
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      fail("DEMO_PART_DIED", `ended with ${signal ?? `exit code ${code}`}`);
    });
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      log.write(`${line}\n`);
      if (!line.includes('"msg":"ready"')) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** SIGTERM, then SIGKILL; a frozen part is thawed so that it can hear the first. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGCONT");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}
