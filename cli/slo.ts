import type { Command } from "commander";
import type { Overview } from "../collector/overview.ts";
import { readSloFolder } from "../collector/slo/objectives.ts";
import { CodedError, messageOf } from "../core/base/errors.ts";
import { refuseDuplicates } from "../core/slo/openslo.ts";
import { renderObjectives, renderStatus } from "./slo-table.ts";

/** Where the collector's page and API are when nothing else is said. */
const DEFAULT_COLLECTOR = "http://127.0.0.1:8088";
/** Longest wait for the collector's answer, in milliseconds. */
const ANSWER_DEADLINE_MS = 5_000;

interface StatusOptions {
  readonly collector?: string;
  readonly slo?: string;
  readonly json?: boolean;
}

/** `outrider slo …` */
export function registerSlo(program: Command): void {
  const slo = program.command("slo").description("service level objectives and their error budgets");
  slo
    .command("status")
    .description("show objectives, budgets left, burn rates and alerts; exit code 1 while a page fires")
    .option("--collector <url>", `the collector's web address (default: ${DEFAULT_COLLECTOR})`)
    .option("--slo <folder>", "check a folder of OpenSLO files instead, without a collector")
    .option("--json", "print the same facts as JSON", false)
    .action(async (options: StatusOptions) => {
      process.exitCode = options.slo === undefined ? await showStatus(options) : showFolder(options.slo, options);
    });
}

async function showStatus({ collector = DEFAULT_COLLECTOR, json }: StatusOptions): Promise<number> {
  const overview = await readOverview(collector);
  const { atMs, timeScale, slos, alerts } = overview;
  process.stdout.write(
    json ? `${JSON.stringify({ atMs, timeScale, slos, alerts }, null, 2)}\n` : renderStatus(overview),
  );
  return alerts.some(({ state, severity }) => state === "firing" && severity === "page") ? 1 : 0;
}

function showFolder(folder: string, { json }: StatusOptions): number {
  const objectives = readSloFolder(folder);
  refuseDuplicates(objectives);
  process.stdout.write(json ? `${JSON.stringify(objectives, null, 2)}\n` : renderObjectives(objectives));
  return 0;
}

/** @throws {CodedError} CONFIG_INVALID, COLLECTOR_UNREACHABLE */
async function readOverview(collector: string): Promise<Overview> {
  if (!URL.canParse(collector)) {
    throw new CodedError("CONFIG_INVALID", `--collector ${collector}: expected a URL`, `write ${DEFAULT_COLLECTOR}`);
  }
  try {
    const url = new URL("/api/v1/overview", collector);
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_DEADLINE_MS) });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    return (await answer.json()) as Overview;
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause);
    const fix = "start it with: outrider collector --config FILE, or name another with --collector URL";
    throw new CodedError("COLLECTOR_UNREACHABLE", `${collector}: ${reason}`, fix, { cause });
  }
}
