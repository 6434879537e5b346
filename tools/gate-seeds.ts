// Runs the gate through seeded faults: node tools/gate-seeds.ts --seeds 100000 [--from N] | --seed N
// Ends with one line, and with exit code 1 when anything was allowed that may not run, late, or refused without a cause.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const PROGRESS_EVERY = 5000;
/** Problems shown in full; more are counted. */
const SHOWN = 5;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "0" },
    seed: { type: "string" },
    sabotage: { type: "string" },
  },
});

if (values.sabotage !== undefined) (await import("../tests/faults/sabotage.ts")).install(values.sabotage);
const { openGallery } = await import("../tests/faults/gallery.ts");
const { freshFolder, runSeed } = await import("../tests/faults/gate-seeds.ts");

Error.stackTraceLimit = 4; // thousands of refusals a second, of which nobody reads the stack
const from = Number(values.seed ?? values.from);
const to = values.seed === undefined ? from + Number(values.seeds) : from + 1;
const base = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "outrider-seeds-"));
const gallery = await openGallery();
const started = performance.now();
const totals = { reviews: 0, allowed: 0, due: 0 };
let failed = 0;
for (let seed = from; seed < to; seed++) {
  const folder = freshFolder(base, seed);
  const run = await runSeed(seed, gallery, { folder });
  rmSync(folder, { recursive: true, force: true });
  for (const name of ["reviews", "allowed", "due"] as const) totals[name] += run.counts[name];
  if (run.problems.length > 0) failed++;
  if (values.seed !== undefined || (run.problems.length > 0 && failed <= SHOWN)) show(run);
  if (values.sabotage !== undefined && failed > 0) break;
  const done = seed - from + 1;
  if (done % PROGRESS_EVERY === 0) console.error(`${done} seeds, ${failed} failed, ${perSeed(done)} ms each`);
}
await gallery.registry.close();
rmSync(base, { recursive: true, force: true });
const { reviews, allowed, due } = totals;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(
  `${to - from} seeds from ${from}, ${failed} failed, ${reviews} reviews, ${allowed} allowed, ${due} of them due, ${seconds} s`,
);
if (failed > 0) process.exitCode = 1;

function show({ seed, problems, log }: Awaited<ReturnType<typeof runSeed>>): void {
  console.log(`seed ${seed}\n  ${log.join("\n  ")}${problems.map((one) => `\n  FAILED: ${one}`).join("")}`);
}

function perSeed(done: number): string {
  return ((performance.now() - started) / done).toFixed(2);
}
