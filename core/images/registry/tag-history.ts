import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Clock, HOUR_MS, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Closable } from "../../base/lifecycle.ts";
import type { Digest } from "../../policy/evidence.ts";
import { DIGESTS_PER_TAG, TAGS_REMEMBERED } from "../limits.ts";
import { failure } from "./answer.ts";

/**
 * Which digests a registry itself gave for its tags. While it is down, a mirror's answer for a tag is believed only when
 * it is one of these: a mirror cannot bring in what the registry never had.
 */
export interface TagHistory extends Closable {
  /** @param name  host/repository of the registry, never of a mirror */
  record(name: string, tag: string, digest: Digest): void;
  /** @throws {CodedError} TAG_HISTORY */
  seen(name: string, tag: string, digest: Digest): boolean;
}

export interface TagHistoryOptions {
  readonly clock?: Clock;
  readonly maxTags?: number;
  readonly digestsPerTag?: number;
}

/** Longest wait for another process that writes, in milliseconds. */
const BUSY_MS = 1000;
/** A digest seen again is written again only after this long, in milliseconds. */
export const HISTORY_REFRESH_MS = HOUR_MS;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS tags (
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    seen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tag, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tags_by_age ON tags (seen_at_ms);
`;

/**
 * Kept in one SQLite file that several processes may share; ":memory:" forgets with the process.
 *
 * @throws {CodedError} TAG_HISTORY
 */
export function openTagHistory(file: string, options: TagHistoryOptions = {}): TagHistory {
  const { clock = systemClock, maxTags = TAGS_REMEMBERED, digestsPerTag = DIGESTS_PER_TAG } = options;
  const database = guarded(file, () => openDatabase(file));
  const find = database.prepare("SELECT seen_at_ms FROM tags WHERE tag = ? AND digest = ?");
  const upsert = database.prepare(`
    INSERT INTO tags (tag, digest, seen_at_ms) VALUES (?, ?, ?)
    ON CONFLICT (tag, digest) DO UPDATE SET seen_at_ms = excluded.seen_at_ms
  `);
  const trimTag = database.prepare(`
    DELETE FROM tags WHERE tag = ?1
      AND digest NOT IN (SELECT digest FROM tags WHERE tag = ?1 ORDER BY seen_at_ms DESC, digest LIMIT ?2)
  `);
  const trimAll = database.prepare(`
    DELETE FROM tags WHERE (tag, digest) IN (
      SELECT tag, digest FROM tags ORDER BY seen_at_ms DESC, tag, digest LIMIT -1 OFFSET ?
    )
  `);
  return {
    record: (name, tag, digest) =>
      guarded(file, () => {
        const key = `${name}:${tag}`;
        const last = find.get(key, digest) as { seen_at_ms: number } | undefined;
        if (last !== undefined && clock() - last.seen_at_ms < HISTORY_REFRESH_MS) return;
        upsert.run(key, digest, clock());
        trimTag.run(key, digestsPerTag);
        trimAll.run(maxTags * digestsPerTag);
      }),
    seen: (name, tag, digest) => guarded(file, () => find.get(`${name}:${tag}`, digest) !== undefined),
    close: () => database.close(),
  };
}

function openDatabase(file: string): DatabaseSync {
  if (file !== ":memory:") mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  database.exec(SCHEMA);
  return database;
}

function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw failure("TAG_HISTORY", `${file}: ${messageOf(thrown)}`, thrown);
  }
}
