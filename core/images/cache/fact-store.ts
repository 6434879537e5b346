import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CodedError, messageOf } from "../../base/errors.ts";
import type { Closable } from "../../base/lifecycle.ts";
import { holdsVerified, type ImageFacts, type KeptFacts } from "../facts/image-facts.ts";
import { EVIDENCE_CACHE_ERRORS } from "./errors.ts";
import { beginAnew, type FactRow, type FactRows, isDamage, openFactRows, ROW_LIMIT_BYTES } from "./fact-rows.ts";
import { openSeal, type Seal } from "./seal.ts";

/** Raised when verification becomes stricter or facts get another shape: what older programs kept is then dropped. */
const FACTS_VERSION = 2;

/** All facts on disk, in bytes; over it the ones looked at longest ago go first. */
export const STORE_LIMIT_BYTES = 256 * 1024 * 1024;
/** Facts wait this long to be written together, in milliseconds; a crash loses no more, and they are only a cache. */
export const WRITE_BEHIND_MS = 50;

/**
 * Verified facts over a restart, in one file of the state folder. What is read back was written by whoever holds the
 * key beside it, or is dropped: a file alone makes nothing verified.
 */
export interface FactStore extends Closable {
  read(key: string): KeptFacts | undefined;
  /** Soon, not now. Facts that hold nothing verified are not worth a disk. */
  write(key: string, kept: KeptFacts): void;
  readonly stats: FactStoreStats;
}

export interface FactStoreStats {
  readonly bytes: number;
  /** Entries, or a whole file, that were not ours or damaged, since the start. */
  readonly dropped: number;
  /** Writes and reads that the disk refused, since the start. */
  readonly errors: number;
}

/**
 * Opens `evidence.db` and `evidence.key` in the folder. A damaged file is begun anew.
 *
 * @throws {CodedError} EVIDENCE_STORE when the folder is of no use; later trouble with the disk only counts
 */
export function openFactStore(folder: string, limitBytes: number = STORE_LIMIT_BYTES): FactStore {
  const file = join(folder, "evidence.db");
  const { seal, opened } = usable(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const key = openSeal(join(folder, "evidence.key"), `outrider verified facts ${FACTS_VERSION}`);
    return { seal: key, opened: openFactRows(file, limitBytes) };
  });
  let rows: FactRows | undefined = opened.rows;
  const stats = { dropped: opened.begunAnew ? 1 : 0, errors: 0 };
  const tolerated = <T>(work: (rows: FactRows) => T): T | undefined => {
    try {
      return rows === undefined ? undefined : work(rows);
    } catch (thrown) {
      stats.errors++;
      if (isDamage(thrown)) rows = replaced(rows, file, limitBytes, stats);
      return undefined;
    }
  };
  const waiting = writeBehind((kept) => tolerated((into) => into.put(kept.flatMap((one) => sealed(one, seal)))));
  return {
    read: (key) => {
      const row = tolerated((from) => from.find(key));
      if (row === undefined) return undefined;
      if (isOurs(row, seal)) return { facts: factsIn(row), lookedAtMs: row.lookedAtMs };
      stats.dropped++;
      tolerated((from) => from.drop(key));
      return undefined;
    },
    write: (key, kept) => {
      if (holdsVerified(kept.facts)) waiting.add({ key, ...kept });
    },
    get stats() {
      return { ...stats, bytes: rows?.bytes ?? 0 };
    },
    close: () => {
      waiting.flush();
      rows?.close();
    },
  };
}

/** A new file in the place of a damaged one; none at all when the disk has no room for it either. */
function replaced(
  rows: FactRows | undefined,
  file: string,
  limitBytes: number,
  stats: { dropped: number },
): FactRows | undefined {
  stats.dropped++;
  rows?.close();
  try {
    return beginAnew(file, limitBytes);
  } catch {
    return undefined;
  }
}

type Written = KeptFacts & { readonly key: string };

/** Gathers what is to be written, the last word per key. */
function writeBehind(write: (kept: readonly Written[]) => void): { add(one: Written): void; flush(): void } {
  const waiting = new Map<string, Written>();
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const all = [...waiting.values()];
    waiting.clear();
    if (all.length > 0) write(all);
  };
  return {
    add: (one) => {
      waiting.set(one.key, one);
      timer ??= setTimeout(flush, WRITE_BEHIND_MS).unref();
    },
    flush,
  };
}

function sealed({ key, lookedAtMs, facts }: Written, seal: Seal): FactRow[] {
  const body = Buffer.from(JSON.stringify(facts));
  if (body.byteLength > ROW_LIMIT_BYTES) return [];
  return [{ key, lookedAtMs, body, seal: seal.of([key, String(lookedAtMs), body]) }];
}

function isOurs({ key, lookedAtMs, body, seal: found }: FactRow, seal: Seal): boolean {
  return seal.isOf(found, [key, String(lookedAtMs), body]);
}

/** Only of a row that is ours: its bytes are what a JSON writer of this very version wrote. */
function factsIn({ body }: FactRow): ImageFacts {
  return JSON.parse(Buffer.from(body).toString()) as ImageFacts;
}

function usable<T>(folder: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    const { fix } = EVIDENCE_CACHE_ERRORS.EVIDENCE_STORE;
    throw new CodedError("EVIDENCE_STORE", `evidence cache in ${folder}: ${messageOf(cause)}`, fix, { cause });
  }
}
