import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { PARTS, TEST_PARTS } from "../../tools/parts.mjs";
import { ROOT } from "../support/sources.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-tools-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one of tools/ as a person would; nothing throws. */
function tool(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { cwd: ROOT, env: { ...process.env, ...env } };
    execFile(process.execPath, [join(ROOT, "tools", name), ...args], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

describe("the totals of a CI run", () => {
  const result = (name: string, counts: object) => {
    const zero = {
      numPassedTests: 0,
      numFailedTests: 0,
      numPendingTests: 0,
      numTodoTests: 0,
      numRuntimeErrorTestSuites: 0,
    };
    const file = join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify({ ...zero, ...counts }));
    return file;
  };
  const passed = result("passed", { numPassedTests: 5 });
  const skipped = result("skipped", { numPassedTests: 2, numPendingTests: 3 });
  const failed = result("failed", { numPassedTests: 1, numFailedTests: 2 });
  const broken = result("broken", { numRuntimeErrorTestSuites: 1 });

  it.each([
    ["everything passed", [passed, passed], "10 passed, 0 failed", 0],
    ["some were skipped", [passed, skipped], "7 passed, 0 failed, 3 skipped", 0],
    ["tests failed", [passed, failed, "test"], "6 passed, 2 failed", 1],
    ["a test file could not be loaded", [passed, broken], "5 passed, 1 failed", 1],
    ["a phase without tests failed", [passed, "check"], "5 passed, 1 failed", 1],
    ["a result was never written", [passed, join(folder, "absent.json")], "5 passed, 1 failed", 1],
  ])("when %s", async (_, args, line, code) => {
    expect(await tool("totals.mjs", args)).toEqual({ code, stdout: `${line}\n`, stderr: "" });
  });
});

describe("tools/install", () => {
  it("brings with --all what tests need, and leaves what only a benchmark needs to who asks for it by name", () => {
    expect(TEST_PARTS).toContain("kube-apiserver");
    expect(TEST_PARTS).not.toContain("gatekeeper");
    expect(PARTS.gatekeeper.only).toBe("bench");
  });

  it("names the parts it knows when it is asked for another, and brings nothing", async () => {
    const { code, stdout, stderr } = await tool("install.mjs", ["cosgin"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: PART_UNKNOWN: cosgin: expected one of opa, cosign,.*\nhint: /);
  });

  it("says what is missing to build a part, with the fix", async () => {
    const parts = join(folder, "parts");
    mkdirSync(parts);
    const { code, stderr } = await tool("install.mjs", ["bolt-write"], { PATH: folder, OUTRIDER_PARTS: parts });
    expect(code).toBe(2);
    expect(stderr).toMatch(/error: PART_TOOLCHAIN_MISSING: bolt-write .*\nhint: install Go/);
  });
});

describe("npm run test:real", () => {
  it("fails by name with CI=true when parts are missing", async () => {
    const none = { CI: "true", PATH: folder, OUTRIDER_PARTS: join(folder, "none") };
    const { code, stdout, stderr } = await tool("real.mjs", [], none);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/missing {2}cosign .*tools\/install cosign/);
    expect(stderr).toMatch(/error: PART_MISSING: opa cosign notation trivy/);
  });
});

describe("a task that does not exist", () => {
  it("is refused with the names of those that do", async () => {
    const { code, stderr } = await tool("run.mjs", ["tets"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/error: TASK_UNKNOWN: tets: expected one of demo, test,/);
  });
});

describe("a lock", () => {
  const lock = join(folder, "locks/one.lock");
  const holder = `
    import { withLock } from ${JSON.stringify(join(ROOT, "tools/lock.mjs"))};
    import { appendFileSync } from "node:fs";
    const [name, ms] = process.argv.slice(1);
    await withLock(${JSON.stringify(lock)}, async () => {
      appendFileSync(${JSON.stringify(join(folder, "order"))}, name + " in\\n");
      await new Promise((resolve) => setTimeout(resolve, Number(ms)));
      appendFileSync(${JSON.stringify(join(folder, "order"))}, name + " out\\n");
    });`;
  const hold = (name: string, ms: number) =>
    spawn(process.execPath, ["--input-type=module", "-e", holder, name, String(ms)], { stdio: "ignore" });
  const order = async () => (await import("node:fs")).readFileSync(join(folder, "order"), "utf8").trim().split("\n");

  it("lets one work at a time, and leaves nothing behind", async () => {
    const all = ["a", "b", "c"].map((name) => once(hold(name, 30), "exit"));
    await Promise.all(all);
    const lines = await order();
    expect(lines).toHaveLength(6);
    for (let at = 0; at < 6; at += 2) expect(lines[at + 1]).toBe(lines[at]?.replace(" in", " out"));
    expect(readdirSync(join(folder, "locks"))).toEqual([]);
  });

  it("of a process that was killed is taken over", async () => {
    mkdirSync(lock);
    writeFileSync(join(lock, "pid"), String(deadProcess()));
    await once(hold("heir", 1), "exit");
    expect((await order()).slice(-2)).toEqual(["heir in", "heir out"]);
  });
});

/** A process id that no process has: the largest that Linux gives is 4194304. */
function deadProcess(): number {
  return 4_194_305;
}
