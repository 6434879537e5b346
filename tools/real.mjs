// `npm run test:real`: the tests that need real programs. Says by name what is missing; with CI=true a missing part
// is a failure, otherwise the tests that need it are skipped by name.
import { spawn } from "node:child_process";
import { fail } from "./errors.mjs";
import { findPart, PARTS, ROOT, TEST_PARTS } from "./parts.mjs";

const JEST = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", "node_modules/jest/bin/jest.js"];

const missing = TEST_PARTS.map((name) => ({ name, ...findPart(name) })).filter(({ path }) => path === undefined);
for (const { name, problem } of missing) {
  console.error(
    `missing  ${name.padEnd(20)} ${PARTS[name].for.padEnd(40)} ${problem}; bring it: tools/install ${name}`,
  );
}
if (missing.length > 0 && process.env.CI === "true") {
  const names = missing.map(({ name }) => name).join(" ");
  fail(missing[0].code, `${names}: CI=true needs every real part`, `run \`tools/install ${names}\``);
}

const env = { ...process.env, OUTRIDER_REAL: "1" };
const child = spawn(process.execPath, [...JEST, "--runInBand", ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: "inherit",
  env,
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
