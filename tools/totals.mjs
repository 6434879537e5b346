// Sums jest's result files into the line that ends a CI run, and fails when anything did:
//   node tools/totals.mjs RESULTS.json… PHASE-THAT-FAILED…
// A file that was not written, a test file that could not be loaded and a failed phase count as one failure each.
import { existsSync, readFileSync } from "node:fs";

const given = process.argv.slice(2);
const files = given.filter((argument) => argument.endsWith(".json"));
const phases = given.filter((argument) => !argument.endsWith(".json"));

const sum = { passed: 0, failed: 0, skipped: 0 };
for (const file of files) {
  const result = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  sum.passed += result?.numPassedTests ?? 0;
  sum.failed += result === undefined ? 1 : result.numFailedTests + result.numRuntimeErrorTestSuites;
  sum.skipped += (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
}
if (sum.failed === 0) sum.failed = phases.length; // a test phase fails because its tests did: those are counted already

console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ""}`);
process.exitCode = sum.failed > 0 ? 1 : 0;
