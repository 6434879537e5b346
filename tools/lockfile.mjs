// Completes package-lock.json with the platform packages that npm left out: node tools/lockfile.mjs
// Where a registry does not serve every platform's package, `npm install` writes a lock file that `npm ci` then refuses
// as incomplete. The missing entries follow from their parents: the exact version they ask for, the platform in the name.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FILE = join(fileURLToPath(import.meta.url), "../../package-lock.json");
const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32", "netbsd", "openbsd", "sunos", "aix"];
const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/** Names and versions of optional dependencies without an entry: `[["@biomejs/cli-darwin-x64", "2.6.8"], …]`. */
export function missingOptional(lock) {
  const present = new Set(Object.keys(lock.packages).map((path) => path.split("node_modules/").at(-1)));
  const asked = Object.values(lock.packages).flatMap((entry) => Object.entries(entry.optionalDependencies ?? {}));
  return asked.filter(([name, version]) => !present.has(name) && EXACT.test(version));
}

/** What npm would have written for a package of one platform, without the checksum that only the registry knows. */
export function platformEntry(name, version) {
  const words = name.split("/").at(-1).split("-");
  const system = words.find((word) => SYSTEMS.includes(word));
  if (system === undefined) return undefined;
  const [cpu = "", libc = ""] = words.slice(words.indexOf(system) + 1);
  const musl = /^musl/.test(libc) ? { libc: ["musl"] } : {};
  const glibc = /^gnu/.test(libc) ? { libc: ["glibc"] } : {};
  return { version, cpu: [cpu], ...musl, ...glibc, optional: true, os: [system] };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lock = JSON.parse(readFileSync(FILE, "utf8"));
  for (const [name, version] of missingOptional(lock)) {
    const entry = platformEntry(name, version);
    if (entry !== undefined) lock.packages[`node_modules/${name}`] = entry;
  }
  const { "": root, ...rest } = lock.packages;
  const sorted = Object.keys(rest).sort((a, b) => a.localeCompare(b, "en"));
  lock.packages = { "": root, ...Object.fromEntries(sorted.map((path) => [path, rest[path]])) };
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
}
