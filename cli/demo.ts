import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { type Command, Option } from "commander";
import { CodedError, messageOf } from "../core/base/errors.ts";
import { closest } from "../core/base/suggest.ts";
import { SABOTAGE_NAMES, SABOTAGES, type SabotageName } from "./demo/sabotage.ts";

interface Flags {
  readonly json?: boolean;
  readonly stay?: boolean;
  readonly dashboards?: string;
  readonly sabotage: readonly string[];
}

/** `outrider demo`: the main job on one machine. Exit 0 when every line of its table is as expected. */
export function registerDemo(program: Command): void {
  const list = SABOTAGE_NAMES.map((name) => `  ${name.padEnd(20)} ${SABOTAGES[name].breaks}`).join("\n");
  program
    .command("demo")
    .description("run the main job on this machine: gate, mesh, telemetry, SLO, with real parts on loopback")
    .option("--json", "print one JSON object a verdict line on standard output, and nothing else there")
    .option("--stay", "keep everything running until Ctrl-C, with its addresses printed")
    .option("--dashboards <folder>", "keep the Grafana dashboards there")
    .addOption(
      new Option("--sabotage <name...>", "break one thing; exactly the lines that depend on it turn red").default(
        [],
        "none",
      ),
    )
    .addHelpText("after", `\nWhat --sabotage can break:\n${list}`)
    .action(async (flags: Flags) => {
      const broken = sabotagesNamed(flags.sabotage);
      if (flags.dashboards !== undefined) makeFolder(flags.dashboards);
      const { runDemo } = await import("./demo/run.ts");
      const stopped = new Promise<string>((resolve) => {
        for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(signal));
      });
      process.exitCode = await runDemo(
        { json: flags.json === true, stay: flags.stay === true, broken, dashboards: flags.dashboards },
        stopped,
      );
    });
}

/** Before anything starts: one level below a folder that exists, so that a mistyped path makes no tree. */
function makeFolder(folder: string): void {
  try {
    if (!existsSync(folder)) mkdirSync(folder);
    accessSync(folder, constants.W_OK);
    if (!statSync(folder).isDirectory()) throw new Error("not a folder");
  } catch (cause) {
    const fix = "name a folder that exists, or one to be made in a folder that exists and is writable";
    throw new CodedError("CLI_FOLDER_UNUSABLE", `--dashboards ${folder}: ${messageOf(cause)}`, fix, { cause });
  }
}

function sabotagesNamed(texts: readonly string[]): ReadonlySet<SabotageName> {
  const known = new Set(SABOTAGE_NAMES.filter((name) => texts.includes(name)));
  const unknown = texts.filter((text) => !SABOTAGE_NAMES.some((name) => name === text));
  if (unknown.length === 0) return known;
  const told = unknown.map((text) => {
    const near = closest(text, SABOTAGE_NAMES);
    return `${text}: unknown${near === undefined ? "" : ` (did you mean "${near}"?)`}`;
  });
  throw new CodedError(
    "CLI_UNKNOWN_SABOTAGE",
    `--sabotage ${told.join(", ")}`,
    `use one of: ${SABOTAGE_NAMES.join(", ")}`,
  );
}
