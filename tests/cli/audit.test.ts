import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";
import { openDecisionLog } from "../../admission/record/decision-log.ts";
import { run } from "./support/run.ts";

let folder = "";
const folders: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "outrider-audit-"));
  folders.push(folder);
  const log = openDecisionLog(join(folder, "decisions.log"));
  for (const name of ["a", "b"]) {
    await log.append({
      at: "2026-11-21T12:00:00.000Z",
      uid: name,
      door: "validate",
      subject: `Pod shop/${name}`,
      operation: "CREATE",
      user: "alice",
      outcome: "allow",
      images: [],
      violations: [],
    });
  }
  await log.close();
});

afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});

const verify = (...args: string[]) => run(["audit", "verify", folder, ...args]);
const lastLine = () => readFileSync(join(folder, "decisions.log"), "utf8").trimEnd().split("\n").at(-1) ?? "";
const change = (by: (text: string) => string) => {
  const file = join(folder, "decisions.log");
  writeFileSync(file, by(readFileSync(file, "utf8")));
};

describe("outrider audit verify", () => {
  it("says that a log holds, and what it holds", async () => {
    const { code, stdout } = await verify();
    expect(stdout.split("\n").slice(0, 2)).toEqual([`holds   ${folder}  (records 1 to 4)`, ""]);
    expect(stdout).toMatch(/read: 2 decisions in 1 file, 2 checkpoints by key [0-9a-f]{16}, the last of 20/);
    expect(code).toBe(0);
  });

  it("names the first record that does not, and exits with 1", async () => {
    change((text) => text.replace("shop/b", "shop/c"));
    const { code, stdout } = await verify();
    expect(stdout.split("\n").slice(0, 4)).toEqual([
      "broken  decisions.log:3  record 3",
      "",
      "  its content does not match its hash",
      "  fix: keep the files as they are, and compare with a copy; records before this one hold",
    ]);
    expect(code).toBe(1);
  });

  it("says so when the last decisions are signed by nobody yet", async () => {
    change((text) => text.split("\n").slice(0, 3).join("\n").concat("\n"));
    rmSync(join(folder, "decisions.head"));
    expect((await verify()).stdout).toContain("note: 2 decisions after the last checkpoint are signed by nobody yet");
  });

  it("says what a log cannot show by itself: whose key it is, and where it ended", async () => {
    const kept = join(folder, "kept.pub");
    copyFileSync(join(folder, "decisions.pub"), kept);
    expect((await verify()).stdout).toContain("note: the key is the one beside the log");
    expect((await verify("--key", kept)).stdout).not.toContain("note:");
    rmSync(join(folder, "decisions.head"));
    expect((await verify("--key", kept)).stdout).toContain("note: nothing shows that this is its end");
    expect(JSON.parse((await verify("--json")).stdout)).toMatchObject({ summary: { anchored: false } });
  });

  it("holds the log to a line that was kept elsewhere", async () => {
    const { seq, hash } = JSON.parse(lastLine()) as { seq: number; hash: string };
    expect(await verify("--expect", `${seq}:${hash}`)).toMatchObject({ code: 0 });
    expect(await verify("--expect", `${seq + 1}:${hash}`)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("decisions.log:5  record 5"),
    });
    expect(await verify("--expect", "nonsense")).toMatchObject({ code: 2 });
  });

  it("prints the same facts as JSON", async () => {
    expect(JSON.parse((await verify("--json")).stdout)).toMatchObject({
      holds: true,
      summary: { records: 2, last: 4 },
    });
    change((text) => text.replace("alice", "mallory"));
    expect(JSON.parse((await verify("--json")).stdout)).toMatchObject({
      holds: false,
      broken: { file: "decisions.log", line: 2, seq: 2, why: "its content does not match its hash" },
    });
  });

  it("ends with 2 without a log or a key", async () => {
    expect(await verify("--key", join(folder, "none.pub"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("AUDIT_KEY"),
    });
    for (const path of [join(folder, "none.log"), join(folder, "none", "folder"), "/dev/null"]) {
      const key = ["--key", join(folder, "decisions.pub")];
      expect(await run(["audit", "verify", path, ...key])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`CONFIG_UNREADABLE: ${path}`),
      });
    }
  });
});
