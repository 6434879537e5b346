// How every script of this folder fails: two lines, one code of errors.json, exit code 2.
import { readFileSync } from "node:fs";

const TOOLS_ERRORS = JSON.parse(readFileSync(new URL("./errors.json", import.meta.url), "utf8"));

/** Prints `error: CODE: message` and `hint: fix`, then ends the process. The fix is the table's unless one is given. */
export function fail(code, message, fix = TOOLS_ERRORS[code].fix) {
  console.error(`error: ${code}: ${message}\nhint: ${fix}`);
  process.exit(2);
}
