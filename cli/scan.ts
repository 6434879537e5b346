import { type Command, Option } from "commander";
import { SEVERITIES, type Severity } from "../core/policy/evidence.ts";
import { type RegistrySetting, registryOption } from "./registry-option.ts";

export interface ScanOptions {
  readonly failOn?: Severity;
  readonly store?: string;
  readonly cacheDir?: string;
  readonly offline: boolean;
  readonly registry: readonly RegistrySetting[];
  readonly json: boolean;
}

export function registerScan(program: Command): void {
  program
    .command("scan")
    .description("scan an image with trivy, by its digest")
    .argument("<image>", "image reference")
    .addOption(
      new Option("--fail-on <severity>", "exit with 1 when a finding is this bad or worse").choices(SEVERITIES),
    )
    .option("--store <file>", "keep the result where outrider admission reads it (scanStore)")
    .option("--cache-dir <folder>", "where trivy keeps its database")
    .option("--offline", "use the database as it is", false)
    .addOption(registryOption())
    .option("--json", "one JSON object", false)
    .action(async (image: string, options: ScanOptions) => (await import("./scan-run.ts")).scan(image, options));
}
