/**
 * `npm run bench [-- NAME … [--only TEXT] [--json]]`: runs the benchmarks whose file names begin so, one after the
 * other; without a name, all. Flags go to each of them.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const OWN = "run.ts";
const args = process.argv.slice(2);
const firstFlag = args.findIndex((arg) => arg.startsWith("--"));
const wanted = firstFlag === -1 ? args : args.slice(0, firstFlag);
const flags = args.slice(wanted.length);
const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".ts") && file !== OWN);
const chosen = files.filter((file) => wanted.length === 0 || wanted.some((name) => file.startsWith(name)));

if (chosen.length === 0) {
  process.stderr.write(`error: no benchmark begins with ${wanted.join(" or ")}\nhint: one of ${files.join(", ")}\n`);
  process.exitCode = 2;
}
for (const file of chosen) {
  process.stderr.write(`\n${file}\n`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, file), ...flags], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
