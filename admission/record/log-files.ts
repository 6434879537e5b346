import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** What stands in the folder of a log. */
export interface LogFiles {
  /** The file that is written: "decisions.log". */
  readonly current: string;
  /** The signing key, its public half, and a copy of the newest checkpoint. */
  readonly key: string;
  readonly pub: string;
  readonly head: string;
  /** Locked by who writes. */
  readonly lock: string;
}

/** A file that was full, by its first record. */
export interface Archive {
  readonly file: string;
  readonly first: number;
}

const NUMBER_DIGITS = 16;
const NUMBERED = /^\d{16}\.log$/;
const NUMBER = /\.(\d{16})\.log$/;

/** @param current  ".../decisions.log" */
export function filesOf(current: string): LogFiles {
  const at = (extension: string) => join(dirname(current), `${nameOf(current)}.${extension}`);
  return { current, key: at("key"), pub: at("pub"), head: at("head"), lock: at("lock") };
}

/** Where the current file goes when it is full: "decisions.0000000000000001.log". */
export function archiveOf(current: string, first: number): string {
  return join(dirname(current), `${nameOf(current)}.${String(first).padStart(NUMBER_DIGITS, "0")}.log`);
}

/** Full files, the oldest first. */
export function archivesOf(current: string): Archive[] {
  const folder = dirname(current);
  if (!existsSync(folder)) return [];
  const prefix = `${nameOf(current)}.`;
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && NUMBERED.test(name.slice(prefix.length)))
    .map((name) => ({ file: join(folder, name), first: Number.parseInt(name.slice(prefix.length), 10) }))
    .toSorted((a, b) => a.first - b.first);
}

/** The first record of a full file, as its name says; `undefined` for any other file. */
export function firstOf(file: string): number | undefined {
  const [, number] = NUMBER.exec(file) ?? [];
  return number === undefined ? undefined : Number.parseInt(number, 10);
}

function nameOf(current: string): string {
  return basename(current, ".log");
}
