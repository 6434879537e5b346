import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type FactStore, openFactStore } from "../../../../core/images/cache/fact-store.ts";
import { createEvidenceCache, POSITIVE_TTL_MS } from "../../../../core/images/evidence-cache.ts";
import { ask, facts, NOTHING, scan } from "../support/facts.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outrider-evidence-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const within = <T>(work: (store: FactStore) => T, limitBytes?: number): T => {
  const store = openFactStore(folder, limitBytes);
  try {
    return work(store);
  } finally {
    void store.close();
  }
};
const keep = (key: string, kept = facts()) => within((store) => store.write(key, { facts: kept, lookedAtMs: 5 }));
const read = (key: string) => within((store) => ({ found: store.read(key), dropped: store.stats.dropped }));
const database = (work: (opened: DatabaseSync) => void) => {
  const opened = new DatabaseSync(join(folder, "evidence.db"));
  work(opened);
  opened.close();
};

describe("evidence on disk", () => {
  it("is there after a restart, as old as it was", () => {
    keep("one", facts({ scans: [scan([{ id: "CVE-1", severity: "low", package: "pkg:x" }])] }));
    expect(read("one")).toEqual({
      found: { facts: facts({ scans: [scan([{ id: "CVE-1", severity: "low", package: "pkg:x" }])] }), lookedAtMs: 5 },
      dropped: 0,
    });
    expect(read("another").found).toBeUndefined();
  });

  it("spares a restarted gate the registry while it is fresh, and carries it through an outage", async () => {
    let nowMs = 0;
    const gate = (store: FactStore) => createEvidenceCache({ store, clock: () => nowMs });
    const down = () => Promise.reject(Object.assign(new Error("down")));
    await within((store) => ask(gate(store), "one", async () => facts()));
    const store = openFactStore(folder);
    await ask(gate(store), "one", async () => facts());
    await store.close();
    nowMs = POSITIVE_TTL_MS - 1;
    const again = openFactStore(folder);
    expect(await ask(gate(again), "one", down)).toEqual(facts());
    await again.close();
  });

  it("holds nothing that was not found", () => {
    keep("none", NOTHING);
    expect(read("none").found).toBeUndefined();
  });

  it("is within its limit, the newest kept", () => {
    const large = (n: number) => facts({ refusals: [{ seen: "other", why: `${n} ${"x".repeat(20_000)}` }] });
    within((store) => {
      for (let n = 0; n < 100; n++) store.write(`key-${n}`, { facts: large(n), lookedAtMs: n });
    }, 400_000);
    within((store) => {
      expect(store.stats.bytes).toBeLessThanOrEqual(400_000);
      expect(store.stats.bytes).toBeGreaterThan(300_000);
      expect(store.read("key-0")).toBeUndefined();
      expect(store.read("key-99")).toBeDefined();
    }, 400_000);
    expect(statSync(join(folder, "evidence.db")).size).toBeLessThan(4_000_000);
  });
});

describe("evidence that somebody else wrote to the disk is not believed", () => {
  const forged = JSON.stringify(facts());

  it.each([
    ["a row of his own", "INSERT INTO facts VALUES ('forged', 5, ?, zeroblob(32))", "forged"],
    ["another's facts under this key", "UPDATE facts SET key = 'forged', body = ?", "forged"],
    ["a row made young", "UPDATE facts SET looked_at_ms = 6, body = ?", "one"],
  ])("%s", (_what, sql, key) => {
    keep("one");
    database((opened) => opened.prepare(sql).run(Buffer.from(forged)));
    expect(read(key)).toEqual({ found: undefined, dropped: 1 });
    expect(read(key).dropped).toBe(0);
  });

  it("a whole file sealed with another key", () => {
    keep("one");
    const theirs = mkdtempSync(join(tmpdir(), "outrider-evidence-"));
    copyFileSync(join(folder, "evidence.db"), join(theirs, "evidence.db"));
    const store = openFactStore(theirs);
    expect(store.read("one")).toBeUndefined();
    expect(store.stats.dropped).toBe(1);
    void store.close();
    rmSync(theirs, { recursive: true });
  });

  it("a file whose key others may have read: the key is replaced", () => {
    keep("one");
    const key = join(folder, "evidence.key");
    const before = readFileSync(key);
    expect(statSync(key).mode & 0o777).toBe(0o600);
    chmodSync(key, 0o644);
    expect(read("one")).toEqual({ found: undefined, dropped: 1 });
    expect(readFileSync(key)).not.toEqual(before);
    expect(statSync(key).mode & 0o777).toBe(0o600);
  });

  it("a changed byte anywhere in a row", () => {
    const text = forged;
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        keep("one");
        const body = Buffer.from(text);
        body[at] = (body[at] ?? 0) ^ change;
        database((opened) => opened.prepare("UPDATE facts SET body = ?").run(body));
        expect(read("one").found).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });
});

describe("a damaged file", () => {
  it.each([
    ["is no database", () => writeFileSync(join(folder, "evidence.db"), "not a database at all".repeat(500))],
    [
      "has other tables",
      () => database((opened) => opened.exec("DROP TABLE facts; CREATE VIEW facts AS SELECT 1 AS key")),
    ],
    [
      "runs something of its own at each write",
      () =>
        database((opened) => opened.exec("CREATE TRIGGER own BEFORE INSERT ON facts BEGIN SELECT RAISE(IGNORE); END")),
    ],
  ])("that %s is begun anew, and counted", (_what, damage) => {
    keep("one");
    damage();
    expect(read("one")).toEqual({ found: undefined, dropped: 1 });
    keep("two");
    expect(read("two").found).toBeDefined();
  });

  it("that holds nothing where a seal should be, or text, is not believed", () => {
    for (const seal of ["NULL", "'text'", "7"]) {
      keep("one");
      database((opened) => {
        opened.exec("DROP TABLE facts; CREATE TABLE facts (key PRIMARY KEY, looked_at_ms, body, seal)");
        opened.exec(`INSERT INTO facts VALUES ('one', 5, x'7b7d', ${seal})`);
      });
      expect(read("one")).toEqual({ found: undefined, dropped: 1 });
    }
  });

  it("never ends the gate, whatever byte of it changed, nor makes anything else of the facts", () => {
    fc.assert(
      fc.property(fc.nat(30_000), fc.integer({ min: 1, max: 255 }), (at, change) => {
        rmSync(join(folder, "evidence.db"), { force: true });
        keep("one");
        const file = join(folder, "evidence.db");
        const bytes = readFileSync(file);
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ change;
        writeFileSync(file, bytes);
        within((store) => {
          const found = store.read("one");
          if (found !== undefined) expect(found).toEqual({ facts: facts(), lookedAtMs: 5 });
          store.write("two", { facts: facts(), lookedAtMs: 6 });
        });
      }),
      { numRuns: 60 },
    );
  });

  it("in a place of no use is told at the start", () => {
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    expect(() => openFactStore(join(file, "below"))).toThrow(expect.objectContaining({ code: "EVIDENCE_STORE" }));
  });
});
