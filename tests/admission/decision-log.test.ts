import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { BEFORE_ALL, chainLine, LOG_LINE_LIMIT_BYTES, type Position } from "../../admission/record/chain.ts";
import { openDecisionLog } from "../../admission/record/decision-log.ts";
import type { DecisionRecord } from "../../admission/record/decision-record.ts";
import { LogFile } from "../../admission/record/log-file.ts";
import { type DecisionLogOptions, LOG_DEFAULTS } from "../../admission/record/log-options.ts";
import { type LogBreak, verifyLog } from "../../admission/record/verify-log.ts";

const WRITER = "../../admission/record/decision-log.ts";
const root = mkdtempSync(join(tmpdir(), "outrider-log-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
const newFolder = () => join(root, String(folders++));

const record = (subject: string): DecisionRecord => ({
  at: "2026-11-21T12:00:00.000Z",
  uid: "1",
  door: "validate",
  subject,
  operation: "CREATE",
  user: 'al"ice,"hash":"',
  outcome: "deny",
  images: [{ path: "spec.containers[0].image", image: "a", signers: [], scan: "scan: none" }],
  violations: [{ code: "IMG_UNSIGNED", path: "spec.containers[0].image", rule: "ImagePolicy p", mode: "enforce" }],
});

/** Small files, so that a few records rotate them. */
const SMALL: Partial<DecisionLogOptions> = { rotateBytes: 3000, keep: 100 };

/** Writes records as a process would from its start to its end, some of them in one turn. */
async function write(folder: string, subjects: readonly string[], options: Partial<DecisionLogOptions> = {}) {
  const log = openDecisionLog(join(folder, "decisions.log"), { ...LOG_DEFAULTS, ...options });
  for (const [index, subject] of subjects.entries()) {
    const written = log.append(record(subject));
    if (index % 3 === 0) await written;
  }
  await log.close();
}

const names = (count: number, from = 1) => Array.from({ length: count }, (_, index) => `Pod shop/web-${from + index}`);
const filesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".log"))
    .toSorted(byAge);
/** The current file is the youngest. */
const byAge = (a: string, b: string) =>
  Number(a === "decisions.log") - Number(b === "decisions.log") || (a < b ? -1 : 1);

function brokenAt(folder: string): LogBreak | undefined {
  const verdict = verifyLog(folder);
  return verdict.holds ? undefined : verdict.broken;
}

/** A log over several files, written once; tests change copies of it. */
async function rotatedLog(): Promise<string> {
  const folder = newFolder();
  await write(folder, names(12), SMALL);
  await write(folder, names(12, 13), SMALL);
  return folder;
}

const whole = await rotatedLog();

function copyOf(folder: string): string {
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

describe("the decision log", () => {
  it("holds across restarts and files, and says what it holds", () => {
    expect(filesIn(whole).length).toBeGreaterThan(3);
    expect(verifyLog(whole)).toMatchObject({
      holds: true,
      summary: { files: filesIn(whole).length, records: 24, first: 1, unsigned: 0, lost: 0 },
    });
  });

  it("holds file by file", () => {
    for (const name of filesIn(whole)) expect(verifyLog(join(whole, name))).toMatchObject({ holds: true });
  });

  it("answers once its line is in the file", async () => {
    const folder = newFolder();
    const log = openDecisionLog(join(folder, "decisions.log"));
    await log.append(record("Pod shop/one"));
    expect(readFileSync(join(folder, "decisions.log"), "utf8")).toContain("Pod shop/one");
    await log.close();
  });

  it("waits for the disk before each answer when it is told to", async () => {
    const folder = newFolder();
    await write(folder, names(50), { ...SMALL, sync: "write", checkpointEvery: { records: 7, ms: 60_000 } });
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 50 } });
  });

  it("begins another file under a load that never ends, too", async () => {
    const folder = newFolder();
    const options = { ...LOG_DEFAULTS, ...SMALL, sync: "write" } as const;
    const log = openDecisionLog(join(folder, "decisions.log"), options);
    const writer = async (from: number) => {
      for (const name of names(20, from)) await log.append(record(name));
    };
    await Promise.all([writer(1), writer(100), writer(200)]);
    expect(filesIn(folder).length).toBeGreaterThan(3);
    await log.close();
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 60 } });
  });

  it("follows no link", async () => {
    const [folder, elsewhere] = [newFolder(), join(root, "elsewhere")];
    mkdirSync(folder);
    symlinkSync(elsewhere, join(folder, "decisions.log"));
    expect(() => openDecisionLog(join(folder, "decisions.log"))).toThrow("decisions.log");
    expect(existsSync(elsewhere)).toBe(false);
  });

  it("signs a checkpoint after so many records, and after so long", async () => {
    const folder = newFolder();
    const every = { checkpointEvery: { records: 5, ms: 40 } };
    const log = openDecisionLog(join(folder, "decisions.log"), { ...LOG_DEFAULTS, ...every });
    for (const name of names(12)) await log.append(record(name));
    const reasons = () =>
      [...readFileSync(join(folder, "decisions.log"), "utf8").matchAll(/"why":"(\w+)"/g)].map(([, why]) => why);
    expect(reasons()).toEqual(expect.arrayContaining(["opened", "records", "records"]));
    while (!reasons().includes("time")) await new Promise((resolve) => setTimeout(resolve, 10));
    await log.close();
    expect(reasons().at(-1)).toBe("closed");
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 12, unsigned: 0 } });
  });

  it("begins another file after so long", async () => {
    const folder = newFolder();
    let nowMs = Date.now();
    const log = openDecisionLog(join(folder, "decisions.log"), {
      ...LOG_DEFAULTS,
      clock: () => nowMs,
      rotateAgeMs: 1000,
    });
    await log.append(record("Pod shop/one"));
    nowMs += 2000;
    await log.append(record("Pod shop/two"));
    await log.close();
    expect(filesIn(folder)).toHaveLength(2);
    expect(verifyLog(folder)).toMatchObject({ holds: true });
  });

  it("removes its oldest files, and stays verifiable because it says so", async () => {
    const folder = newFolder();
    await write(folder, names(40), { ...SMALL, keep: 2 });
    expect(filesIn(folder)).toHaveLength(3);
    const verdict = verifyLog(folder);
    expect(verdict).toMatchObject({ holds: true });
    expect(verdict.summary.first).toBeGreaterThan(1);
  });

  it("keeps a record that would not fit a line, without its lists", async () => {
    const folder = newFolder();
    const log = openDecisionLog(join(folder, "decisions.log"));
    const image = { path: "p", image: "\u{1f600}".repeat(LOG_LINE_LIMIT_BYTES / 8), signers: [], scan: "" };
    await log.append({ ...record("Pod shop/huge"), images: [image, image] });
    await log.close();
    expect(readFileSync(join(folder, "decisions.log"), "utf8")).toContain('"images":[],"violations":[],"omitted":3');
    expect(verifyLog(folder)).toMatchObject({ holds: true });
  });
});

describe("after a crash", () => {
  it("a line that was cut is removed, and the log says so", async () => {
    const folder = copyOf(whole);
    appendFileSync(join(folder, "decisions.log"), '{"seq":99,"prev":"');
    expect(brokenAt(folder)?.why).toContain("cut");
    await write(folder, names(1));
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 25 } });
    expect(readFileSync(join(folder, "decisions.log"), "utf8")).toContain('"cut":18');
  });

  it("between two files the chain goes on", async () => {
    const folder = copyOf(whole);
    const { last } = verifyLog(folder).summary;
    renameSync(join(folder, "decisions.log"), join(folder, `decisions.${String(last).padStart(16, "0")}.log`));
    await write(folder, names(1));
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 25 } });
  });

  it("a log whose last line is no record is not written on", async () => {
    const folder = copyOf(whole);
    appendFileSync(join(folder, "decisions.log"), "something else\n");
    expect(() => openDecisionLog(join(folder, "decisions.log"))).toThrow("no decision record");
  });

  it("a log that ends before its head is not written on, since that would hide what is missing", async () => {
    const folder = copyOf(whole);
    const file = join(folder, "decisions.log");
    const lines = readFileSync(file, "utf8").split("\n");
    writeFileSync(file, `${lines.slice(0, 2).join("\n")}\n`);
    expect(() => openDecisionLog(file)).toThrow(expect.objectContaining({ code: "AUDIT_CUT" }));
  });
});

describe("two that would write one log", () => {
  it("are not: the second is told, and the first writes on", async () => {
    const folder = newFolder();
    const file = join(folder, "decisions.log");
    const log = openDecisionLog(file);
    expect(() => openDecisionLog(file)).toThrow(expect.objectContaining({ code: "AUDIT_IN_USE" }));
    await log.append(record("Pod shop/one"));
    await log.close();
    await write(folder, names(1));
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 2 } });
  });

  it("need nobody's hands when the first was killed", async () => {
    const folder = newFolder();
    const [file, module] = [join(folder, "decisions.log"), join(import.meta.dirname, WRITER)];
    const program = `
      const { openDecisionLog } = await import(${JSON.stringify(module)});
      const log = openDecisionLog(${JSON.stringify(file)});
      await log.append(${JSON.stringify(record("Pod shop/answered"))});
      process.stdout.write("answered");
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program]);
    await once(child.stdout, "data");
    expect(() => openDecisionLog(file)).toThrow(expect.objectContaining({ code: "AUDIT_IN_USE" }));
    child.kill("SIGKILL");
    await once(child, "exit");
    await write(folder, names(1));
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 2 } });
  });
});

describe("while the disk is full", () => {
  it("records are lost, counted, and said in the log once it can be written", async () => {
    const folder = newFolder();
    const file = join(folder, "decisions.log");
    await write(folder, names(2));
    const news: string[] = [];
    const options = {
      ...LOG_DEFAULTS,
      checkpointEvery: { records: 1000, ms: 20 },
      tell: ({ kind }: { kind: string }) => news.push(kind),
    };
    const log = openDecisionLog(file, options);
    const real = LogFile.prototype.append;
    LogFile.prototype.append = () => {
      throw Object.assign(new Error("no space left on device"), { code: "DISK_FULL" });
    };
    await expect(log.append(record("Pod shop/lost"))).rejects.toThrow("no space");
    await expect(Promise.all(names(3).map((name) => log.append(record(name))))).rejects.toThrow("no space");
    expect(log.status()).toMatchObject({ lost: 4, failure: expect.any(Error) });
    LogFile.prototype.append = real;
    while (log.status().failure !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    await log.append(record("Pod shop/kept"));
    await log.close();
    expect(news.filter((kind) => kind !== "anchored")).toEqual(["failing", "writing"]);
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 3, lost: 4 } });
  });

  it("what was lost is said at the end, too", async () => {
    const folder = newFolder();
    const log = openDecisionLog(join(folder, "decisions.log"));
    const real = LogFile.prototype.append;
    LogFile.prototype.append = () => {
      throw Object.assign(new Error("no space left on device"), { code: "DISK_FULL" });
    };
    await expect(log.append(record("Pod shop/lost"))).rejects.toThrow("no space");
    LogFile.prototype.append = real;
    await log.close();
    expect(verifyLog(folder)).toMatchObject({ holds: true, summary: { records: 0, lost: 1 } });
  });
});

describe("a log that was changed breaks at the record that was", () => {
  const files = filesIn(whole);
  const bytes = files.map((name) => readFileSync(join(whole, name)));
  /** File, line and number of the record that a byte belongs to. */
  const recordAt = (file: number, offset: number) => {
    const line = bytes[file]?.subarray(0, offset).toString("latin1").split("\n").length ?? 0;
    const before = bytes.slice(0, file).reduce((sum, one) => sum + one.toString("latin1").split("\n").length - 1, 0);
    return { file: files[file], line, seq: before + line };
  };
  const scratch = copyOf(whole);
  /** What is said of the log with one file changed. */
  const brokenWith = (file: number, content: Buffer): LogBreak | undefined => {
    const path = join(scratch, files[file] ?? "");
    writeFileSync(path, content);
    const broken = brokenAt(scratch);
    writeFileSync(path, bytes[file] ?? "");
    return broken;
  };
  const place = fc
    .nat(files.length - 1)
    .chain((file) => fc.tuple(fc.constant(file), fc.nat((bytes[file]?.length ?? 1) - 1)));
  const check = (file: number, offset: number, content: Buffer): void => {
    expect(brokenWith(file, content)).toMatchObject(recordAt(file, offset));
  };

  it("whichever byte is another", () => {
    fc.assert(
      fc.property(place, fc.integer({ min: 1, max: 255 }), ([file, offset], by) => {
        const content = Buffer.from(bytes[file] ?? []);
        content[offset] = (content[offset] ?? 0) ^ by;
        check(file, offset, content);
      }),
      { numRuns: 150 },
    );
  });

  it("and a record's own number is not believed where it does not hold", () => {
    const content = Buffer.from(bytes[0]?.toString("latin1").replace('"seq":1,', '"seq":7,') ?? "", "latin1");
    check(0, 7, content);
  });

  it("whichever byte is gone", () => {
    fc.assert(
      fc.property(place, ([file, offset]) => {
        const content = bytes[file] ?? Buffer.alloc(0);
        check(file, offset, Buffer.concat([content.subarray(0, offset), content.subarray(offset + 1)]));
      }),
      { numRuns: 100 },
    );
  });

  it("wherever a byte was put in", () => {
    fc.assert(
      fc.property(place, fc.nat(255), ([file, offset], byte) => {
        const content = bytes[file] ?? Buffer.alloc(0);
        // a line's own end doubled is an empty line after it
        const at = byte === 0x0a && content[offset] === 0x0a ? offset + 1 : offset;
        check(file, at, Buffer.concat([content.subarray(0, offset), Buffer.from([byte]), content.subarray(offset)]));
      }),
      { numRuns: 100 },
    );
  });

  it("wherever a file ends too soon", () => {
    fc.assert(
      fc.property(place, ([file, length]) => {
        // cut at the end of a line, the next line is the one that is missed, in this file or the next
        const { seq } = recordAt(file, length);
        expect(brokenWith(file, bytes[file]?.subarray(0, length) ?? Buffer.alloc(0))?.seq).toBe(seq);
      }),
      { numRuns: 100 },
    );
  });

  it.each<[what: string, change: (folder: string) => void, seq: (firsts: number[]) => number, why: RegExp]>([
    [
      "the oldest file was taken away",
      (folder) => rmSync(join(folder, files[0] ?? "")),
      () => 1,
      /missing.*did not remove/,
    ],
    [
      "a file between was taken away",
      (folder) => rmSync(join(folder, files[1] ?? "")),
      (f) => f[1] ?? 0,
      /does not follow/,
    ],
    [
      "the newest file was taken away",
      (folder) => rmSync(join(folder, "decisions.log")),
      (f) => f.at(-1) ?? 0,
      /known to have been written/,
    ],
    [
      "two files changed places",
      (folder) => {
        const [a, b] = [join(folder, files[1] ?? ""), join(folder, files[2] ?? "")];
        renameSync(a, `${a}.x`);
        renameSync(b, a);
        renameSync(`${a}.x`, b);
      },
      (f) => f[1] ?? 0,
      /does not follow/,
    ],
    [
      "a file stands for another",
      (folder) => copyFileSync(join(folder, files[1] ?? ""), join(folder, files[2] ?? "")),
      (f) => f[2] ?? 0,
      /does not follow/,
    ],
  ])("when %s", (_, change, seq, why) => {
    const firsts = files.map((___, index) => recordAt(index, 0).seq);
    const folder = copyOf(whole);
    change(folder);
    expect(brokenAt(folder)).toMatchObject({ seq: seq(firsts), why: expect.stringMatching(why) });
  });

  it("and an empty file among full ones", () => {
    const folder = copyOf(whole);
    writeFileSync(join(folder, "decisions.0000000000000000.log"), "");
    expect(brokenAt(folder)).toMatchObject({ file: "decisions.0000000000000000.log", line: 1 });
  });

  it("and whole lines that were moved, doubled or taken out", () => {
    const [first = Buffer.alloc(0)] = bytes;
    const lines = first.toString("utf8").split("\n").slice(0, -1);
    const lineOf = (changed: string[]) => brokenWith(0, Buffer.from(`${changed.join("\n")}\n`))?.line;
    expect(lineOf(lines.toSpliced(2, 1))).toBe(3);
    expect(lineOf(lines.toSpliced(2, 0, lines[2] ?? ""))).toBe(4);
    expect(lineOf([lines[0], lines[2], lines[1], ...lines.slice(3)] as string[])).toBe(2);
  });
});

describe("whoever writes every hash anew", () => {
  const file = filesIn(whole)[0] ?? "";
  const lines = readFileSync(join(whole, file), "utf8").split("\n").slice(0, -1);

  /** The log with its lines chained again after one was changed, as somebody without the key can. */
  const rechained = (change: (fields: string) => string): string => {
    let position: Position = BEFORE_ALL;
    const changed = lines.map((line) => {
      const fields = change(line.replace(/^\{"seq":\d+,"prev":"\w{64}",/, "").replace(/,"hash":"\w{64}"\}$/, ""));
      const next = chainLine(fields, position);
      position = next.position;
      return next.line;
    });
    const folder = copyOf(whole);
    writeFileSync(join(folder, file), changed.join(""));
    return folder;
  };

  it("is stopped by the next checkpoint", () => {
    const folder = rechained((fields) => fields.replace("web-1", "web-x"));
    const why = expect.stringContaining("signature does not verify");
    expect(brokenAt(folder)).toMatchObject({ file, line: lines.length, why });
  });

  it("cannot put another checkpoint, of this log or of another key, in its place", async () => {
    const other = newFolder();
    await write(other, names(12), SMALL);
    const [foreign = ""] = readFileSync(join(other, "decisions.log"), "utf8").split("\n");
    const strange = rechained((fields) =>
      fields.includes('"opened"')
        ? foreign.replace(/^\{"seq":\d+,"prev":"\w{64}",/, "").replace(/,"hash":"\w{64}"\}$/, "")
        : fields,
    );
    expect(brokenAt(strange)).toMatchObject({ line: 1, why: expect.stringContaining("it is signed by key") });
    const bare = rechained((fields) => fields.replace(/,"signature":"[^"]+"/, ""));
    expect(brokenAt(bare)).toMatchObject({ line: 1, why: expect.stringContaining("without a signature") });
  });

  it("is seen by the key that somebody kept, when he signs with his own", async () => {
    const forged = newFolder();
    await write(forged, names(3));
    const key = join(whole, "decisions.pub");
    expect(verifyLog(forged)).toMatchObject({ holds: true });
    expect(verifyLog(forged, { key })).toMatchObject({ holds: false, broken: { line: 1 } });
  });

  it("is seen by a line that somebody kept, when he goes back to an older end and its head", () => {
    const folder = copyOf(whole);
    const kept = JSON.parse(readFileSync(join(folder, "decisions.head"), "utf8")) as { seq: number; hash: string };
    rmSync(join(folder, "decisions.log"));
    const older = readFileSync(join(folder, filesIn(folder).at(-1) ?? ""), "utf8")
      .trimEnd()
      .split("\n")
      .at(-1);
    writeFileSync(join(folder, "decisions.head"), `${older}\n`);
    expect(verifyLog(folder)).toMatchObject({ holds: true });
    expect(verifyLog(folder, { expect: kept })).toMatchObject({
      holds: false,
      broken: { why: expect.stringContaining(`record ${kept.seq}`) },
    });
    expect(verifyLog(whole, { expect: { ...kept, hash: "0".repeat(64) } })).toMatchObject({
      holds: false,
      broken: { seq: kept.seq },
    });
  });
});

describe("a line that somebody kept", () => {
  it("must be there: a log that begins after it does not hold, whoever signed it", async () => {
    const folder = newFolder();
    await write(folder, names(40), { ...SMALL, keep: 2 });
    const { first } = verifyLog(folder).summary;
    const expected = { seq: first - 1, hash: "0".repeat(64) };
    expect(verifyLog(folder, { expect: expected })).toMatchObject({
      holds: false,
      broken: { line: 1, seq: first - 1, why: expect.stringContaining(`begins with record ${first}`) },
    });
  });

  it("cannot be read from a damaged head, which is no reason to look away", () => {
    const folder = copyOf(whole);
    const head = readFileSync(join(folder, "decisions.head"), "utf8");
    for (const damaged of ["", head.slice(0, 90), `x${head}`, head.replace(/\d/, "9")]) {
      writeFileSync(join(folder, "decisions.head"), damaged);
      expect(brokenAt(folder)).toMatchObject({ file: "decisions.head", line: 1 });
    }
  });
});

describe("the keys of a log", () => {
  it("are a private one for its owner alone and a public one beside it", () => {
    expect(statSync(join(whole, "decisions.key")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(whole, "decisions.pub"), "utf8")).toContain("BEGIN PUBLIC KEY");
  });

  it("must be Ed25519, and be there", () => {
    const folder = copyOf(whole);
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(join(folder, "decisions.pub"), publicKey.export({ type: "spki", format: "pem" }));
    expect(() => verifyLog(folder)).toThrow(expect.objectContaining({ code: "AUDIT_KEY" }));
    rmSync(join(folder, "decisions.pub"));
    expect(() => verifyLog(folder)).toThrow(expect.objectContaining({ code: "AUDIT_KEY" }));
  });
});
