import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import type { Digest, ScanResult } from "../../core/policy/evidence.ts";
import { createScanQueue } from "../../scanner/queue.ts";
import { openScanStore } from "../../scanner/store.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-scans-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digestOf = (n: number): Digest => `sha256:${String(n).padStart(64, "0")}`;
const result = (n: number, more: Partial<ScanResult> = {}): ScanResult => ({
  digest: digestOf(n),
  source: "trivy 0.67.2",
  finishedAtMs: 1000,
  databaseAtMs: 900,
  findings: [{ id: "CVE-1", severity: "high", package: "pkg:apk/a@1", fixedIn: "2" }],
  ...more,
});

describe("the scan store", () => {
  it("gives a result back as it was, also to another process, and after a restart", () => {
    const file = join(folder, "kept.sqlite");
    const one = openScanStore(file);
    const two = openScanStore(file);
    one.put(result(1));
    expect(two.newest(digestOf(1))).toEqual(result(1));
    expect(two.newest(digestOf(2))).toBeUndefined();
    one.close();
    two.close();
    const again = openScanStore(file);
    expect(again.newest(digestOf(1))).toEqual(result(1));
    again.close();
  });

  it("keeps the newest of one digest", () => {
    const store = openScanStore(join(folder, "newest.sqlite"));
    store.put(result(1, { finishedAtMs: 2000, findings: [] }));
    store.put(result(1, { finishedAtMs: 1000 }));
    expect(store.newest(digestOf(1))?.finishedAtMs).toBe(2000);
    store.close();
  });

  it("that is damaged is an error, not an empty one", () => {
    const file = join(folder, "damaged.sqlite");
    writeFileSync(file, "this is no database, however long one looks at it".repeat(100));
    expect(() => openScanStore(file)).toThrow(expect.objectContaining({ code: "SCAN_STORE" }));
  });
});

describe("the scan queue", () => {
  /** Scans that end when told to. */
  function held() {
    const order: number[] = [];
    const ends = new Map<number, () => void>();
    const scan = ({ digest }: { digest: Digest }) => {
      const n = Number(digest.slice(-4));
      order.push(n);
      return new Promise<ScanResult>((resolve) => ends.set(n, () => resolve(result(n))));
    };
    return { scan, order, end: (n: number) => ends.get(n)?.() };
  }
  const target = (n: number) => ({ repository: "a/b", digest: digestOf(n) });
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it("scans one digest once, however many ask", async () => {
    const { scan, order, end } = held();
    const queue = createScanQueue({ scan });
    const asked = [queue.request(target(1), "rescan"), queue.request(target(1), "admission")];
    end(1);
    expect(await Promise.all(asked)).toEqual([result(1), result(1)]);
    expect(order).toEqual([1]);
  });

  it("lets the urgent pass, and makes one urgent that is asked for again", async () => {
    const { scan, order, end } = held();
    const queue = createScanQueue({ scan });
    void queue.request(target(1), "rescan");
    void queue.request(target(2), "rescan");
    void queue.request(target(3), "requested");
    void queue.request(target(4), "rescan");
    void queue.request(target(4), "admission");
    for (const n of [1, 4, 3, 2]) {
      end(n);
      await turn();
    }
    expect(order).toEqual([1, 4, 3, 2]);
  });

  it("goes on after one that failed", async () => {
    let times = 0;
    const queue = createScanQueue({
      scan: () => (++times === 1 ? Promise.reject(new Error("crash")) : Promise.resolve(result(2))),
    });
    const [first, second] = await Promise.allSettled([
      queue.request(target(1), "rescan"),
      queue.request(target(2), "rescan"),
    ]);
    expect([first.status, second.status]).toEqual(["rejected", "fulfilled"]);
  });

  it("refuses more than may wait", async () => {
    const { scan } = held();
    const queue = createScanQueue({ scan, limit: 1 });
    void queue.request(target(1), "rescan");
    void queue.request(target(2), "rescan");
    await expect(queue.request(target(3), "rescan")).rejects.toMatchObject({ code: "SCAN_QUEUE_FULL" });
  });
});
