import { rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";

/** Longest wait for another process that writes, in milliseconds: this thread answers reviews. */
export const ROWS_BUSY_MS = 50;
/** Largest set of facts written or read, in bytes. */
export const ROW_LIMIT_BYTES = 4 * 1024 * 1024;
/** SQLite's page, in bytes, and how much larger than its rows the file may grow. */
const PAGE_BYTES = 4096;
const FILE_SHARE = 1.25;
/** Below its limit by this share after rows were dropped for room, so that not every write drops some. */
const ROOM_SHARE = 0.9;
/** SQLite's own results for a file that is damaged or none of its own. @see https://sqlite.org/rescode.html */
const DAMAGED = new Set([11, 26]);

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS facts (
    key TEXT PRIMARY KEY, looked_at_ms INTEGER NOT NULL, body BLOB NOT NULL, seal BLOB NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS facts_by_age ON facts (looked_at_ms)
`;
const SIZE = "length(key) + length(body) + length(seal)";

export interface FactRow {
  readonly key: string;
  readonly lookedAtMs: number;
  readonly body: Uint8Array;
  readonly seal: Uint8Array;
}

/** Rows of the evidence file, believed by nobody yet. Methods throw what SQLite throws. */
export class FactRows {
  /** Bytes of all rows. */
  bytes: number;
  readonly #limitBytes: number;
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #size: StatementSync;
  readonly #oldest: StatementSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;

  constructor(file: string, limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#database = openDatabase(file, limitBytes);
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#select = prepare("SELECT looked_at_ms, body, seal FROM facts WHERE key = ? AND length(body) <= ?");
    this.#size = prepare(`SELECT ${SIZE} AS bytes FROM facts WHERE key = ?`);
    this.#oldest = prepare("SELECT key FROM facts ORDER BY looked_at_ms LIMIT 16");
    this.#insert = prepare("INSERT OR REPLACE INTO facts (key, looked_at_ms, body, seal) VALUES (?, ?, ?, ?)");
    this.#remove = prepare("DELETE FROM facts WHERE key = ?");
    this.bytes = Number(prepare(`SELECT coalesce(sum(${SIZE}), 0) AS bytes FROM facts`).get()?.["bytes"]);
  }

  find(key: string): FactRow | undefined {
    const row = this.#select.get(key, ROW_LIMIT_BYTES);
    if (row === undefined) return undefined;
    return { key, lookedAtMs: Number(row["looked_at_ms"]), body: bytesOf(row["body"]), seal: bytesOf(row["seal"]) };
  }

  /** All of them or none; over the limit, the ones looked at longest ago go. */
  put(rows: readonly FactRow[]): void {
    const before = this.bytes;
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const row of rows) this.#putOne(row);
      this.#database.exec("COMMIT");
    } catch (thrown) {
      this.bytes = before;
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw thrown;
    }
  }

  drop(key: string): void {
    this.bytes -= Number(this.#size.get(key)?.["bytes"] ?? 0);
    this.#remove.run(key);
  }

  close(): void {
    this.#database.close();
  }

  #putOne({ key, lookedAtMs, body, seal }: FactRow): void {
    this.drop(key);
    this.#insert.run(key, lookedAtMs, body, seal);
    this.bytes += key.length + body.byteLength + seal.byteLength;
    if (this.bytes > this.#limitBytes) this.#makeRoom();
  }

  #makeRoom(): void {
    while (this.bytes > this.#limitBytes * ROOM_SHARE) {
      const keys = this.#oldest.all().map(({ key }) => String(key));
      if (keys.length === 0) return;
      for (const key of keys) if (this.bytes > this.#limitBytes * ROOM_SHARE) this.drop(key);
    }
  }
}

/** The rows of a file, or of a new one in its place when it cannot be read: it is only a cache. */
export function openFactRows(file: string, limitBytes: number): { rows: FactRows; begunAnew: boolean } {
  try {
    return { rows: new FactRows(file, limitBytes), begunAnew: false };
  } catch {
    return { rows: beginAnew(file, limitBytes), begunAnew: true };
  }
}

export function beginAnew(file: string, limitBytes: number): FactRows {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true });
  return new FactRows(file, limitBytes);
}

/** In a damaged file a column may hold anything: then its seal is none. */
function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

export function isDamage(thrown: unknown): boolean {
  return DAMAGED.has((thrown as { errcode?: number } | undefined)?.errcode ?? 0);
}

function openDatabase(file: string, limitBytes: number): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: ROWS_BUSY_MS });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    database.exec(`PRAGMA max_page_count = ${Math.ceil((limitBytes * FILE_SHARE) / PAGE_BYTES) + 16}`);
    database.exec(SCHEMA);
    refuseOtherSchema(database);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** A trigger or a check in a file that somebody else made would run here, for as long as he likes. */
function refuseOtherSchema(database: DatabaseSync): void {
  const ours = new DatabaseSync(":memory:");
  ours.exec(SCHEMA);
  const same = schemaOf(database) === schemaOf(ours);
  ours.close();
  if (!same) throw new Error("its tables are not ours");
}

function schemaOf(database: DatabaseSync): string {
  return JSON.stringify(database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all());
}
