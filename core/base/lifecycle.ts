import type { Log } from "./log.ts";

/** Something a service opened and must close: a listener, a timer, a worker. */
export interface Closable {
  close(): Promise<void> | void;
}

/** Longest wait for an orderly stop, in milliseconds; what is still open then is abandoned. */
export const STOP_DEADLINE_MS = 10_000;

/**
 * Runs a service until SIGTERM or SIGINT, then closes what it opened, last opened first.
 * Prints the line that supervisors wait for: `{"msg":"ready", "addresses": {...}}`.
 *
 * @param start  opens the service; registers each opened thing with `opened` and returns its addresses by name
 * @returns after the orderly stop; the caller decides the exit code
 */
export async function runUntilStopped(
  log: Log,
  start: (opened: (closable: Closable) => void) => Promise<Readonly<Record<string, string>>>,
  stopDeadlineMs = STOP_DEADLINE_MS,
): Promise<void> {
  const open: Closable[] = [];
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  try {
    const addresses = await start((closable) => open.push(closable));
    log.info({ addresses }, "ready");
    log.info({ signal: await stopped }, "stopping");
  } finally {
    await withDeadline(closeAll(open, log), stopDeadlineMs);
  }
}

async function closeAll(open: readonly Closable[], log: Log): Promise<void> {
  for (const closable of open.toReversed()) {
    try {
      await closable.close();
    } catch (err) {
      log.warn({ err }, "close failed");
    }
  }
}

async function withDeadline(work: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([work, deadline]);
  clearTimeout(timer);
}

/**
 * Ends this process with its parent: the parent holds the other end of standard input, so that even a parent that
 * was killed leaves no child behind. For supervisors that start the services on one machine.
 */
export function endWithParent(stdin: NodeJS.ReadStream): void {
  stdin.resume().unref();
  stdin.once("end", () => process.kill(process.pid, "SIGTERM"));
}
