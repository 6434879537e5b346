import { CodedError, renderError } from "../core/base/errors.ts";
import { endWithParent } from "../core/base/lifecycle.ts";
import { main } from "./main.ts";

/** Exit codes of every Outrider command: 2 for a configuration that cannot be used, 1 for anything else. */
const EXIT_INVALID = 2;
const EXIT_FAILED = 1;

if (process.env["OUTRIDER_TETHERED"] === "1") endWithParent(process.stdin);
try {
  await main(process.argv.slice(2));
  process.exit(0);
} catch (error) {
  process.stderr.write(`${renderError(error)}\n`);
  process.exit(error instanceof CodedError && error.code.startsWith("CONFIG_") ? EXIT_INVALID : EXIT_FAILED);
}
