// Bundles what Outrider ships into dist/: the command (its packages stay outside), the sidecar by itself with
// everything inside, and the collector's page. Skips the work when no source is newer than the last build.
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const FOLDERS = ["cli", "sidecar", "admission", "scanner", "collector", "dashboards", "mesh", "core", "tools"];
const STAMP = join(ROOT, "dist/.built");

const common = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  sourcemap: "linked",
  logLevel: "warning",
};

if (!existsSync(STAMP) || newestSource() > statSync(STAMP).mtimeMs) {
  await Promise.all([buildCommand(), buildSidecar(), buildPage()]);
  writeFileSync(STAMP, "");
}

function buildCommand() {
  const workers = readdirSync(join(ROOT, "admission")).filter((name) => name.endsWith("-worker.ts"));
  const entryPoints = [{ in: "cli/bin.ts", out: "outrider" }];
  for (const name of workers) entryPoints.push({ in: `admission/${name}`, out: name.slice(0, -".ts".length) });
  return build({
    ...common,
    entryPoints,
    outdir: "dist",
    splitting: true,
    packages: "external",
    banner: { js: "#!/usr/bin/env node" },
  });
}

function buildSidecar() {
  const banner = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
  return build({
    ...common,
    entryPoints: [{ in: "sidecar/bin.ts", out: "sidecar" }],
    outdir: "dist",
    minifySyntax: true,
    banner: { js: banner },
  });
}

function buildPage() {
  return build({
    ...common,
    entryPoints: [{ in: "collector/page/main.tsx", out: "page" }],
    outdir: "dist/page",
    platform: "browser",
    target: "es2022",
    minify: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    sourcemap: false,
  });
}

function newestSource() {
  let newest = 0;
  for (const folder of FOLDERS) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) newest = Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
    }
  }
  return newest;
}
