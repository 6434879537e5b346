/** `npm run bench -- admission`: the gate as its users run it, one path a row. */

import { GATEKEEPER } from "./admission/gatekeeper.ts";
import { ROWS } from "./admission/rows.ts";
import { openStage } from "./admission/stage.ts";
import { runSuite } from "./suite/suite.ts";

await runSuite(
  {
    name: "admission",
    about:
      "The webhook as a process of its own; throughput is per second of its CPU time, so a busy machine counts less.",
    rows: ROWS,
    open: openStage,
    versions: async () => [GATEKEEPER, `OpenSSL ${process.versions.openssl}`],
  },
  process.argv.slice(2),
);
