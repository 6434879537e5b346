import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { CodedError, messageOf } from "../core/base/errors.ts";
import type { Closable } from "../core/base/lifecycle.ts";
import { type Digest, type Finding, type ScanResult, SEVERITIES } from "../core/policy/evidence.ts";
import { SCANNER_ERRORS } from "./errors.ts";

/** Longest wait for another process that writes, in milliseconds. */
export const STORE_BUSY_MS = 2000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS scans (
    digest TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    finished_at_ms INTEGER NOT NULL,
    database_at_ms INTEGER,
    findings TEXT NOT NULL
  ) STRICT
`;

const findingsJson = z.array(
  z.object({ id: z.string(), severity: z.enum(SEVERITIES), package: z.string(), fixedIn: z.string().exactOptional() }),
);

const row = z.object({
  digest: z.string(),
  source: z.string(),
  finished_at_ms: z.number(),
  database_at_ms: z.number().nullable(),
  findings: z.string(),
});

/** Scan results by digest, in one SQLite file that several processes may share. */
export interface ScanStore extends Closable {
  /** The newest result of a digest. @throws {CodedError} SCAN_STORE: a store that cannot be read is not an empty one */
  newest(digest: Digest): ScanResult | undefined;
  /** Keeps a result unless a newer one is there. @throws {CodedError} SCAN_STORE */
  put(result: ScanResult): void;
}

/** @throws {CodedError} SCAN_STORE */
export function openScanStore(file: string): ScanStore {
  const database = guarded(file, () => openDatabase(file));
  const select = database.prepare("SELECT * FROM scans WHERE digest = ?");
  const upsert = database.prepare(`
    INSERT INTO scans (digest, source, finished_at_ms, database_at_ms, findings) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (digest) DO UPDATE SET source = excluded.source, finished_at_ms = excluded.finished_at_ms,
      database_at_ms = excluded.database_at_ms, findings = excluded.findings
    WHERE excluded.finished_at_ms >= scans.finished_at_ms
  `);
  return {
    newest: (digest) =>
      guarded(file, () => {
        const found = select.get(digest);
        return found === undefined ? undefined : resultOf(found, digest);
      }),
    put: ({ digest, source, finishedAtMs, databaseAtMs, findings }) =>
      guarded(file, () => {
        upsert.run(digest, source, finishedAtMs, databaseAtMs ?? null, JSON.stringify(findings));
      }),
    close: () => database.close(),
  };
}

function openDatabase(file: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file, { timeout: STORE_BUSY_MS });
  database.exec("PRAGMA journal_mode = WAL");
  database.exec(SCHEMA);
  return database;
}

function resultOf(found: unknown, digest: Digest): ScanResult {
  const { source, finished_at_ms, database_at_ms, findings } = row.parse(found);
  const list: readonly Finding[] = findingsJson.parse(JSON.parse(findings));
  const database = database_at_ms === null ? {} : { databaseAtMs: database_at_ms };
  return { digest, source, finishedAtMs: finished_at_ms, ...database, findings: list };
}

function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new CodedError("SCAN_STORE", `${file}: ${messageOf(cause)}`, SCANNER_ERRORS.SCAN_STORE.fix, { cause });
  }
}
