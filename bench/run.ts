/** `npm run bench [-- NAME …]`: runs the benchmarks whose file names begin so, one after the other; without a name, all. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const OWN = "run.ts";
const wanted = process.argv.slice(2);
const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".ts") && file !== OWN);
const chosen = files.filter((file) => wanted.length === 0 || wanted.some((name) => file.startsWith(name)));

if (chosen.length === 0) {
  process.stderr.write(`error: no benchmark begins with ${wanted.join(" or ")}\nhint: one of ${files.join(", ")}\n`);
  process.exitCode = 2;
}
for (const file of chosen) {
  process.stdout.write(`\n${file}\n`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, file)], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
