// Brings the parts that are asked for, one after the other, and skips what already answers its version.
// Plain JavaScript that older Node versions can read.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail } from "./errors.mjs";
import { findPart, PARTS, PARTS_FOLDER, ROOT, stampFile, TEST_PARTS } from "./parts.mjs";

const GO_ENV = { ...process.env, CGO_ENABLED: "0", GOFLAGS: process.env.GOFLAGS ?? "-buildvcs=false", GOWORK: "off" };
const APT = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300"];
let aptIsFresh = false;

const asked = process.argv.slice(2);
if (asked.length === 0) list();
for (const name of asked.includes("--all") ? TEST_PARTS : asked) {
  if (!Object.hasOwn(PARTS, name)) fail("PART_UNKNOWN", `${name}: expected one of ${Object.keys(PARTS).join(", ")}`);
  bring(name);
}

function list() {
  for (const [name, part] of Object.entries(PARTS)) {
    const found = findPart(name);
    console.log(`${name.padEnd(20)} ${part.for.padEnd(40)} ${found.path ?? found.problem}`);
  }
}

function bring(name) {
  const before = findPart(name);
  if (before.path !== undefined) return console.log(`there      ${name} ${PARTS[name].version}  ${before.path}`);
  const startedMs = Date.now();
  if (PARTS[name].from === "apt") installPackage(PARTS[name].package);
  else buildGo(name, PARTS[name]);
  const after = findPart(name);
  if (after.path === undefined) fail("PART_WRONG_VERSION", after.problem);
  console.log(
    `installed  ${name} ${PARTS[name].version}  ${after.path}  ${Math.round((Date.now() - startedMs) / 1000)} s`,
  );
}

/**
 * Builds at the lowest priority: a person's machine stays usable meanwhile.
 *
 *   from "go"         go install PACKAGE@VERSION
 *   from "go-module"  inside the program's own module, so that its go.sum and replace directives count
 *   from "go-folder"  a few lines of ours around somebody's package
 *
 * `stampVersion` names the variable that the version without its "v" goes into, with what stands before it.
 */
function buildGo(name, part) {
  const bin = join(PARTS_FOLDER, "bin");
  mkdirSync(bin, { recursive: true });
  const stamped = part.stampVersion === undefined ? "" : ` -X ${part.stampVersion}${part.version.slice(1)}`;
  const target = part.from === "go" ? `${part.package}@${part.version}` : part.package;
  const args = ["-n", "15", "go", "install", "-trimpath", `-ldflags=-s -w${stamped}`, target];
  const env = { ...GO_ENV, GOBIN: bin, ...part.env };
  goOrFail(name, run("nice", args, { cwd: goFolder(name, part), env, stdio: ["ignore", 2, 2] }));
  writeFileSync(stampFile(name), part.version);
}

function goFolder(name, part) {
  if (part.from === "go-folder") return join(ROOT, part.folder);
  return part.from === "go-module" ? moduleFolder(name, part) : PARTS_FOLDER;
}

/** Brings the module's source into Go's own cache and says where it is. */
function moduleFolder(name, { module, version }) {
  const options = { cwd: PARTS_FOLDER, env: GO_ENV, stdio: ["ignore", "pipe", 2], encoding: "utf8" };
  return JSON.parse(goOrFail(name, run("go", ["mod", "download", "-json", `${module}@${version}`], options))).Dir;
}

function goOrFail(name, { status, stdout }) {
  if (status === "missing") fail("PART_TOOLCHAIN_MISSING", `${name} is built with Go, and there is no go here`);
  if (status !== 0) fail("PART_INSTALL_FAILED", `${name}: go ended with ${status}`);
  return stdout;
}

function installPackage(name) {
  if (!aptIsFresh) apt("update", [], name);
  aptIsFresh = true;
  apt("install", ["--no-install-recommends", name], name);
}

function apt(verb, args, name) {
  const root = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const [program, ...rest] = [...root, "apt-get", verb, ...APT, ...args];
  const { status } = run(program, rest, { env, stdio: ["ignore", 2, 2] });
  if (status === "missing") fail("PART_TOOLCHAIN_MISSING", `${name} comes from apt, and there is no ${program} here`);
  if (status !== 0) fail("PART_INSTALL_FAILED", `apt-get ${verb} for ${name} ended with ${status}`);
}

/** What a package manager says goes to stderr; stdout has one line per part. */
function run(program, args, options) {
  const { status, stdout, error } = spawnSync(program, args, options);
  return { status: error?.code === "ENOENT" ? "missing" : (status ?? 1), stdout };
}
