import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { BEFORE_ALL, chainLine, type Position } from "../../../admission/record/chain.ts";
import { checkpointLine, openCheckpointKey } from "../../../admission/record/checkpoint.ts";
import { openDecisionLog } from "../../../admission/record/decision-log.ts";
import type { DecisionRecord } from "../../../admission/record/decision-record.ts";
import { filesOf } from "../../../admission/record/log-files.ts";
import { LOG_DEFAULTS } from "../../../admission/record/log-options.ts";
import { verifyLog } from "../../../admission/record/verify-log.ts";

const root = mkdtempSync(join(tmpdir(), "outrider-forged-log-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const record = (subject: string): DecisionRecord => ({
  ...{ at: "2026-11-21T12:00:00.000Z", uid: "1", door: "validate", subject, operation: "CREATE", user: "alice" },
  ...{ outcome: "allow", images: [], violations: [] },
});

/** A log of checkpoints and six records; its lines without the break, as a thief of the disk, not of the key, has them. */
async function writtenLog() {
  const folder = mkdtempSync(join(root, "log-"));
  const files = filesOf(join(folder, "decisions.log"));
  const log = openDecisionLog(files.current, LOG_DEFAULTS);
  for (let n = 1; n <= 6; n++) await log.append(record(`Pod shop/web-${n}`));
  await log.close();
  const lines = readFileSync(files.current, "utf8").trimEnd().split("\n");
  const put = (text: readonly string[]) => writeFileSync(files.current, text.map((line) => `${line}\n`).join(""));
  return { folder, files, lines, put };
}

const fieldsOf = (line = "") => line.replace(/^\{"seq":\d+,"prev":"\w{64}",/, "").replace(/,"hash":"\w{64}"\}$/, "");
const before = (line = ""): Position => {
  const { seq, prev } = JSON.parse(line) as { seq: number; prev: string };
  return { seq: seq - 1, hash: prev };
};

describe("somebody without the key", () => {
  it("cannot put another record in one's place with a hash of its own: the next one follows the old one", async () => {
    const { folder, lines, put } = await writtenLog();
    const at = lines.findIndex((line) => line.includes("web-2"));
    const forged = chainLine(fieldsOf(lines[at]).replace("alice", "mallory"), before(lines[at])).line.trimEnd();
    put(lines.with(at, forged));
    expect(verifyLog(folder)).toMatchObject({
      holds: false,
      broken: { line: at + 2, seq: at + 2, why: `it does not follow record ${at + 1}` },
    });
  });

  it("cannot cut the end off and call the last record that is left the head", async () => {
    const { folder, files, lines, put } = await writtenLog();
    const kept = lines.slice(
      0,
      lines.findIndex((line) => line.includes("web-4")),
    );
    put(kept);
    writeFileSync(files.head, `${kept.at(-1)}\n`);
    expect(verifyLog(folder)).toMatchObject({
      holds: false,
      broken: { file: "decisions.head", why: expect.stringContaining("it is no checkpoint") },
    });
  });

  it("cannot write a log of his own without any checkpoint", async () => {
    const { folder, files, lines, put } = await writtenLog();
    let position = BEFORE_ALL;
    const own = lines
      .filter((line) => line.includes("web-"))
      .map((line) => {
        const next = chainLine(fieldsOf(line), position);
        position = next.position;
        return next.line.trimEnd();
      });
    put(own);
    rmSync(files.head);
    const why = "a file begins with a checkpoint, and this one does not";
    expect(verifyLog(folder)).toMatchObject({ holds: false, broken: { line: 1, seq: 1, why } });
    expect(verifyLog(files.current)).toMatchObject({ holds: false, broken: { line: 1, why } });
  });
});

it("a first record that says it follows another is none, whoever signed it", async () => {
  const { folder, files, put } = await writtenLog();
  const opened = { at: "2026-11-21T12:00:00.000Z", why: "opened", from: 1 } as const;
  const { line } = checkpointLine(opened, { seq: 0, hash: "a".repeat(64) }, openCheckpointKey(files));
  put([line.trimEnd()]);
  rmSync(files.head);
  expect(verifyLog(folder)).toMatchObject({
    holds: false,
    broken: { line: 1, seq: 1, why: "it is the first record, and says that it follows another" },
  });
});
