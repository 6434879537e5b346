import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { Store } from "../../collector/state/store.ts";
import { recordsOf, WalSegment } from "../../collector/state/wal.ts";

const root = mkdtempSync(join(tmpdir(), "outrider-store-"));
const opened: Store[] = [];
afterAll(async () => {
  for (const store of opened) await store.close().catch(() => {});
  rmSync(root, { recursive: true, force: true });
});

/** As a process that is killed leaves it: never closed while the test runs. */
async function open(folder: string): ReturnType<typeof Store.open> {
  const result = await Store.open(folder);
  opened.push(result.store);
  return result;
}

let made = 0;
const freshFolder = (): string => join(root, String(made++));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (records: readonly Uint8Array[]): string[] => records.map((record) => new TextDecoder().decode(record));

describe("the store", () => {
  it("gives back what was appended, in order, whether or not it was closed", async () => {
    const folder = freshFolder();
    const { store } = await open(folder);
    await store.append(bytes("one"));
    await store.append(bytes("two"));
    expect(texts((await open(folder)).found.records)).toEqual(["one", "two"]);
    expect(texts((await open(folder)).found.records)).toEqual(["one", "two"]);
  });

  it("forgets the log once a snapshot holds it, but not before", async () => {
    const folder = freshFolder();
    const { store } = await open(folder);
    await store.append(bytes("one"));
    const write = await store.beginSnapshot({ sum: 1 });
    await store.append(bytes("two"));
    expect(texts((await open(folder)).found.records)).toEqual(["one", "two"]);
    await write();
    const { found } = await open(folder);
    expect(found.state).toEqual({ sum: 1 });
    expect(texts(found.records)).toEqual(["two"]);
  });

  it("never replaces a snapshot by an older one that is slow to be written", async () => {
    const folder = freshFolder();
    const { store } = await open(folder);
    const older = await store.beginSnapshot({ sum: 1 });
    await store.append(bytes("one"));
    const newer = await store.beginSnapshot({ sum: 2 });
    await Promise.all([newer(), older()]);
    const { found } = await open(folder);
    expect([found.state, found.records]).toEqual([{ sum: 2 }, []]);
  });

  it("says when the disk is full", async () => {
    const full = await WalSegment.create("/dev/full").catch(() => undefined);
    if (full === undefined) return; // only Linux has a disk that is always full
    await expect(full.append(bytes("one"))).rejects.toMatchObject({ code: "DISK_FULL" });
    await full.close();
  });

  it("reads whole records up to damage anywhere, and never a wrong one", async () => {
    const folder = freshFolder();
    const { store } = await open(folder);
    const written = ["alpha", "beta", "gamma"];
    for (const text of written) await store.append(bytes(text));
    await store.close();
    const segment = readFileSync(join(folder, "wal-000000001.log"));
    fc.assert(
      fc.property(fc.nat({ max: segment.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Uint8Array.from(segment);
        damaged[at]! ^= change;
        const read = texts([...recordsOf(damaged)]);
        expect(written.slice(0, read.length)).toEqual(read);
        expect(texts([...recordsOf(segment.subarray(0, at))])).toEqual(
          written.slice(0, texts([...recordsOf(segment.subarray(0, at))]).length),
        );
      }),
    );
  });
});
