import { parseArgs } from "node:util";
import { CodedError } from "../core/base/errors.ts";
import { runUntilStopped } from "../core/base/lifecycle.ts";
import { createLog } from "../core/base/log.ts";
import { readCollectorConfig } from "./config.ts";
import { startCollector } from "./start.ts";

/** `outrider collector --config FILE` */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { config: { type: "string" } } });
  if (values.config === undefined) {
    throw new CodedError("CONFIG_UNREADABLE", "collector: no configuration file", "add --config FILE");
  }
  const config = readCollectorConfig(values.config);
  const log = createLog("collector");
  await runUntilStopped(log, (opened) => startCollector(config, log, opened));
}
