// One run at a time in one clone, for what cannot be shared: installing packages and writing dist/.
// Plain JavaScript that older Node versions can read.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "./errors.mjs";

const LONGEST_WAIT_MS = 15 * 60_000; // a cold `npm ci` on a slow line takes a few minutes
const POLL_MS = 100;

/** Runs `work` while holding the lock folder. A lock whose process has died is taken over. */
export async function withLock(folder, work) {
  mkdirSync(dirname(folder), { recursive: true });
  const startedMs = Date.now();
  while (!take(folder)) {
    if (Date.now() - startedMs > LONGEST_WAIT_MS) fail("LOCK_STALE", `${folder}: held by process ${owner(folder)}`);
    if (isAbandoned(folder)) removeAbandoned(folder);
    else await sleep(POLL_MS);
  }
  const release = () => rmSync(folder, { recursive: true, force: true });
  process.on("exit", release);
  try {
    return await work();
  } finally {
    release();
    process.off("exit", release);
  }
}

function take(folder) {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
  writeFileSync(`${folder}/pid`, String(process.pid));
  return true;
}

/** The process that holds the lock; undefined in the moment between making the folder and writing into it. */
function owner(folder) {
  try {
    return Number(readFileSync(`${folder}/pid`, "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

function isAbandoned(folder) {
  const pid = owner(folder);
  return pid !== undefined && !isAlive(pid);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Renaming is atomic: of two that find the same dead lock one moves it away, and neither a living one. */
function removeAbandoned(folder) {
  const aside = `${folder}.${process.pid}`;
  try {
    renameSync(folder, aside);
  } catch {
    return;
  }
  if (isAbandoned(aside)) return rmSync(aside, { recursive: true, force: true });
  renameSync(aside, folder);
}
