// The real programs that tests run against: what they are, where they are, whether they answer their version.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

/** name -> { from: "go" | "go-module" | "go-folder" | "apt", package, version, ask, answer, for, only?: "bench" } */
export const PARTS = JSON.parse(readFileSync(join(ROOT, "tools/versions.json"), "utf8"));

/** Names of the parts that tests need; one that is `only` for a benchmark is brought when asked for by name. */
export const TEST_PARTS = Object.keys(PARTS).filter((name) => PARTS[name].only === undefined);

/** Where built parts go. OUTRIDER_PARTS lets several clones share one folder. */
export const PARTS_FOLDER = resolve(ROOT, process.env.OUTRIDER_PARTS ?? ".parts");

const ANSWER_TIMEOUT_MS = 30_000; // the first start of Chromium on a cold disk takes several seconds

/**
 * The path of a part that answers its pinned version, or why there is none.
 * @returns {{ path: string } | { problem: string, code: "PART_MISSING" | "PART_WRONG_VERSION" }}
 */
export function findPart(name) {
  const part = PARTS[name];
  const path = programPath(name);
  if (path === undefined) return { code: "PART_MISSING", problem: `${name} is not installed` };
  const { stdout, stderr, error } = spawnSync(path, part.ask, { encoding: "utf8", timeout: ANSWER_TIMEOUT_MS });
  const said = `${stdout ?? ""}${stderr ?? ""}`;
  if (error === undefined && new RegExp(part.answer).test(said) && stampMatches(name)) return { path };
  const found = error?.message ?? (said.trim().split("\n")[0] || "nothing");
  return { code: "PART_WRONG_VERSION", problem: `${path}: expected ${part.version}, it says: ${found}` };
}

/** Our own folder first; then, for what comes from the system, the PATH. */
function programPath(name) {
  const own = join(PARTS_FOLDER, "bin", name);
  if (existsSync(own)) return own;
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Not every program says its version (some do not): what we built ourselves has it written beside it. */
function stampMatches(name) {
  const stamp = stampFile(name);
  return !existsSync(stamp) || readFileSync(stamp, "utf8") === PARTS[name].version;
}

export function stampFile(name) {
  return join(PARTS_FOLDER, `${name}.version`);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
