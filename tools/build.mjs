// Bundles what Outrider ships into dist/: the command (its packages stay outside), the sidecar by itself with
// everything inside, and the collector's page. Skips the work when the sources are those of the last build.
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { withLock } from "./lock.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const FOLDERS = ["cli", "sidecar", "admission", "scanner", "collector", "dashboards", "mesh", "core"];
const WORKER_FOLDERS = ["admission/rego", "core/images/workers"];
const OTHER_INPUTS = ["tools/build.mjs", "package-lock.json", "tsconfig.json"];
const COPIED = [
  ["admission/rego/library.wasm", "rego/library.wasm"],
  ["collector/page/index.html", "page/index.html"],
];
const DIST = join(ROOT, "dist");
const STAMP = join(DIST, ".built");
const KEEP_OLD_FILES_MS = 60 * 60_000; // a process of an older build may still load its chunks

const common = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  sourcemap: "linked",
  logLevel: "warning",
};

if (!isBuilt()) await withLock(join(ROOT, ".cache/build.lock"), buildUnlessBuilt);

/** Builds beside dist/ and moves file by file, so that whoever runs from dist/ never sees half a file. */
async function buildUnlessBuilt() {
  if (isBuilt()) return;
  const stamp = fingerprint();
  const fresh = mkdtempSync(join(ROOT, ".cache/build-"));
  try {
    await Promise.all([buildCommand(fresh), buildSidecar(fresh), buildPage(fresh)]);
    for (const [from, to] of COPIED) if (existsSync(join(ROOT, from))) cpSync(join(ROOT, from), join(fresh, to));
    moveInto(fresh, DIST);
    removeOld(DIST);
    writeFileSync(STAMP, stamp);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function buildCommand(outdir) {
  const entryPoints = [{ in: "cli/bin.ts", out: "outrider" }];
  for (const folder of WORKER_FOLDERS) {
    const workers = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith("-worker.ts"));
    for (const name of workers) entryPoints.push({ in: `${folder}/${name}`, out: name.slice(0, -".ts".length) });
  }
  return build({
    ...common,
    entryPoints,
    outdir,
    splitting: true,
    packages: "external",
    banner: { js: "#!/usr/bin/env node" },
  });
}

function buildSidecar(outdir) {
  const banner = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
  return build({
    ...common,
    entryPoints: [{ in: "sidecar/bin.ts", out: "sidecar" }],
    outdir,
    minifySyntax: true,
    banner: { js: banner },
  });
}

function buildPage(outdir) {
  return build({
    ...common,
    entryPoints: [{ in: "collector/page/main.tsx", out: "page" }],
    outdir: join(outdir, "page"),
    platform: "browser",
    target: "es2022",
    minify: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    sourcemap: false,
  });
}

/** Renames each file to its place; the old one, if any, is replaced in the same moment. */
function moveInto(from, to) {
  for (const entry of filesBelow(from)) {
    mkdirSync(dirname(join(to, entry)), { recursive: true });
    renameSync(join(from, entry), join(to, entry));
  }
}

function removeOld(folder) {
  for (const entry of filesBelow(folder)) {
    if (Date.now() - statSync(join(folder, entry)).mtimeMs > KEEP_OLD_FILES_MS) rmSync(join(folder, entry));
  }
}

function isBuilt() {
  return existsSync(STAMP) && readFileSync(STAMP, "utf8") === fingerprint();
}

/** Changes when a source is written, added or removed. */
function fingerprint() {
  const inputs = FOLDERS.flatMap((folder) => filesBelow(join(ROOT, folder)).map((name) => join(folder, name)));
  const hash = createHash("sha256");
  for (const path of [...inputs, ...OTHER_INPUTS].sort()) {
    const { size, mtimeMs } = statSync(join(ROOT, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
