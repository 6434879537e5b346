import { configFlag } from "../core/base/config-flag.ts";
import { runUntilStopped } from "../core/base/lifecycle.ts";
import { createLog } from "../core/base/log.ts";
import { readCollectorConfig } from "./config.ts";
import { startCollector } from "./start.ts";

/** `outrider collector --config FILE` */
export async function main(args: readonly string[]): Promise<void> {
  const config = readCollectorConfig(configFlag("collector", args));
  const log = createLog("collector");
  await runUntilStopped(log, (opened) => startCollector(config, log, opened));
}
