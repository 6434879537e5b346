import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Address block that the checked-in manifests are written with. */
const MANIFEST_PREFIX = "127.0.0.";
/** Every demo folder starts so; a folder whose process is gone is removed by the next demo. */
const FOLDER_PREFIX = "outrider-demo-";

/** The project's own folder, whether this code runs from its source or from dist/. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!hasPackageJson(folder)) folder = dirname(folder);
  return folder;
}

/**
 * A temporary folder for one run, holding the manifests and SLO files with the block's addresses in place of
 * 127.0.0.x. Readable by this user only: it holds private keys.
 */
export function createWorkspace(prefix: string): { readonly folder: string; remove(): void } {
  removeAbandoned();
  const folder = mkdtempSync(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
  for (const name of ["manifests", "slo"])
    copyWithAddresses(join(packageRoot(), "cli/demo/files", name), join(folder, name), prefix);
  for (const name of ["policies", "logs", "tokens", "dashboards"]) mkdirSync(join(folder, name));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function copyWithAddresses(from: string, to: string, prefix: string): void {
  mkdirSync(to);
  for (const file of readdirSync(from)) {
    const text = readFileSync(join(from, file), "utf8");
    writeFileSync(join(to, file), text.replaceAll(MANIFEST_PREFIX, `${prefix}.`));
  }
}

/** Folders of demos that were killed before they could clean up. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${FOLDER_PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (Number.isInteger(pid) && !isRunning(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

function hasPackageJson(folder: string): boolean {
  return readdirSync(folder).includes("package.json");
}
