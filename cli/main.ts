import { Command, CommanderError, Option } from "commander";
import { CodedError, renderError } from "../core/base/errors.ts";
import { VERSION } from "./version.ts";

/** What a command ends with; every command uses these and no other. */
export const EXIT = { ok: 0, refused: 1, badInput: 2 } as const;

/** Codes whose cause is the caller's input or machine: exit 2 and nothing started. */
const BAD_INPUT = /^(CONFIG_|CLI_|REF_|CLUSTER_|SLO_|PORT_IN_USE|ADDRESS_NOT_AVAILABLE|BINARY_MISSING|DISK_FULL)/;

/**
 * The command line. Services and commands are loaded when they are called, so that none pays for another's imports.
 *
 * @returns the exit code: 0 done, 1 refused or failed, 2 the input was wrong and nothing was started
 */
export async function main(args: readonly string[]): Promise<number> {
  const program = await buildProgram();
  try {
    await program.parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    process.stderr.write(`${renderError(thrown)}\n`);
    return thrown instanceof CodedError && BAD_INPUT.test(thrown.code) ? EXIT.badInput : EXIT.refused;
  }
}

/** The whole command tree; docs/cli.md is its help, compared by a test. */
export async function buildProgram(): Promise<Command> {
  const program = new Command("outrider")
    .description("admits signed and scanned images, proxies and polices pod traffic, keeps service promises")
    .version(`outrider ${VERSION}`, "-V, --version")
    .exitOverride()
    .showSuggestionAfterError();
  const commands = await Promise.all([
    import("./demo.ts").then((m) => m.registerDemo),
    import("./demo/app.ts").then((m) => m.registerDemoApp),
    import("./check.ts").then((m) => m.registerCheck),
    import("./scan.ts").then((m) => m.registerScan),
    import("./explain.ts").then((m) => m.registerExplain),
    import("./slo.ts").then((m) => m.registerSlo),
  ]);
  for (const register of commands) register(program);
  for (const [name, description, load] of SERVICES) addService(program, name, description, load);
  program
    .command("version")
    .description("print the version of outrider and of the Node it runs on")
    .action(() => {
      process.stdout.write(`outrider ${VERSION} (node ${process.versions.node})\n`);
    });
  for (const command of program.commands) command.exitOverride();
  return program;
}

type ServiceMain = { main(args: readonly string[]): Promise<void> };

const SERVICES: readonly (readonly [name: string, description: string, load: () => Promise<ServiceMain>])[] = [
  ["admission", "run the admission webhook", () => import("../admission/main.ts")],
  ["mesh", "run the control plane: certificates and snapshots", () => import("../mesh/main.ts")],
  ["sidecar", "run the proxy beside one workload", () => import("../sidecar/main.ts")],
  ["collector", "run the telemetry collector, SLO engine and page", () => import("../collector/main.ts")],
];

function addService(program: Command, name: string, description: string, load: () => Promise<ServiceMain>): void {
  program
    .command(name)
    .description(description)
    .addOption(new Option("--config <file>", "YAML configuration file").makeOptionMandatory())
    .action(async (options: { config: string }) => (await load()).main(["--config", options.config]));
}
