// The one entry of every npm script: installs what is missing, picks a Node that is new enough, runs the task.
// Plain JavaScript that older Node versions can read, because the machine's own Node starts it.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail } from "./errors.mjs";
import { withLock } from "./lock.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const OLDEST_NODE = 24;
const JEST = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", "node_modules/jest/bin/jest.js"];

/** Each task is programs run one after the other; the first that fails ends it, but for `check`. `node` means the chosen Node. */
const TASKS = {
  demo: (args) => [
    ["node", "tools/build.mjs"],
    ["node", "dist/outrider.js", "demo", ...args],
  ],
  test: (args) => [
    ["node", "tools/build.mjs"],
    ["node", ...JEST, ...args],
  ],
  "test:real": (args) => [
    ["node", "tools/build.mjs"],
    ["node", "tools/real.mjs", ...args],
  ],
  check: () => [["biome", "check", "--error-on-warnings", "."], ["tsc", "-p", "."], ["knip"]],
  build: () => [["node", "tools/build.mjs"]],
  install: () => [],
  bench: (args) => [
    ["node", "tools/build.mjs"],
    ["node", "bench/run.ts", ...args],
  ],
};

const [task = "", ...args] = process.argv.slice(2);
if (!Object.hasOwn(TASKS, task)) fail("TASK_UNKNOWN", `${task}: expected one of ${Object.keys(TASKS).join(", ")}`);
await install();
const node = newEnoughNode();
for (const [program, ...rest] of TASKS[task](args)) {
  const code = await run(program === "node" ? node : join(ROOT, "node_modules/.bin", program), rest);
  if (code !== 0) process.exitCode ||= code;
  if (code !== 0 && task !== "check") break; // one check says nothing about the next: all their problems at once
}

/** `npm ci` unless the folder was installed from exactly this lock file by this platform. Two at once take turns. */
async function install() {
  const lock = readFileSync(join(ROOT, "package-lock.json"));
  const stamp = `${process.platform}-${process.arch} ${createHash("sha256").update(lock).digest("hex")}`;
  const stampFile = join(ROOT, "node_modules/.outrider-installed");
  const isInstalled = () => existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
  if (isInstalled()) return;
  await withLock(join(ROOT, ".cache/install.lock"), () => {
    if (isInstalled()) return;
    console.error("outrider: installing dependencies (npm ci) …");
    const options = { cwd: ROOT, stdio: ["ignore", 2, 2], shell: process.platform === "win32" };
    const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], options);
    if (status !== 0) fail("INSTALL_FAILED", `npm ci ended with ${status}`);
    writeFileSync(stampFile, stamp);
  });
}

/** This Node when it is new enough, else the one that npm installed for this platform. */
function newEnoughNode() {
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE) return process.execPath;
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  const found = names.map((name) => join(ROOT, "node_modules", name, "bin/node")).find((path) => existsSync(path));
  if (found !== undefined) return found;
  return fail("NODE_TOO_OLD", `Node ${process.versions.node} at ${process.execPath}: expected ${OLDEST_NODE} or newer`);
}

/** Runs with the chosen Node first on the PATH; passes signals on, so that Ctrl-C reaches the task once. */
function run(program, programArgs) {
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ""}` };
  const child = spawn(program, programArgs, { cwd: ROOT, stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on("error", (error) =>
      fail("INSTALL_FAILED", `${program}: ${error.message}`, "remove node_modules and run again"),
    );
    child.on("exit", (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
  });
}
