import { Command, CommanderError, Option } from "commander";
import { CodedError, codedSystemError, renderError } from "../core/base/errors.ts";
import { VERSION } from "./version.ts";

/** What a command ends with; every command uses these and no other. */
export const EXIT = { ok: 0, refused: 1, badInput: 2 } as const;

/** Codes whose cause is the caller's input or machine: exit 2 and nothing started. */
const BAD_INPUT =
  /^(CONFIG_|CLI_|AUDIT_KEY|REF_|CLUSTER_|SLO_|NET_|ID_INVALID|CA_JWKS_|IDENTITY_FILE|COLLECTOR_UNREACHABLE|FILE_NOT_USABLE|PORT_|ADDRESS_NOT_AVAILABLE|BINARY_MISSING|DISK_FULL)/;

/**
 * The command line. Services and commands are loaded when they are called, so that none pays for another's imports.
 *
 * @returns the exit code: 0 done, 1 refused or failed, 2 the input was wrong and nothing was started
 */
export async function main(args: readonly string[]): Promise<number> {
  const program = await buildProgram(args[0]);
  try {
    await program.parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    const error = codedSystemError(thrown, `outrider ${args[0]}`);
    process.stderr.write(`${renderError(error)}\n`);
    return error instanceof CodedError && BAD_INPUT.test(error.code) ? EXIT.badInput : EXIT.refused;
  }
}

type Register = (program: Command) => void;

/** Where each command lives. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  demo: () => import("./demo.ts").then((m) => m.registerDemo),
  "demo-app": () => import("./demo/app.ts").then((m) => m.registerDemoApp),
  check: () => import("./check.ts").then((m) => m.registerCheck),
  scan: () => import("./scan.ts").then((m) => m.registerScan),
  inject: () => import("./inject.ts").then((m) => m.registerInject),
  uninject: () => import("./inject.ts").then((m) => m.registerUninject),
  audit: () => import("./audit.ts").then((m) => m.registerAudit),
  explain: () => import("./explain.ts").then((m) => m.registerExplain),
  slo: () => import("./slo.ts").then((m) => m.registerSlo),
};

/**
 * The command tree; docs/cli.md is its help, compared by a test.
 *
 * @param called  the command that will run: only its module is loaded. Any other word, or none, loads all of them
 */
export async function buildProgram(called?: string): Promise<Command> {
  const program = new Command("outrider")
    .description("admits signed and scanned images, proxies and polices pod traffic, keeps service promises")
    .version(`outrider ${VERSION}`, "-V, --version")
    .exitOverride()
    .showSuggestionAfterError();
  for (const [name, description, load] of SERVICES) addService(program, name, description, load);
  program
    .command("version")
    .description("print the version of outrider and of the Node it runs on")
    .action(() => {
      process.stdout.write(`outrider ${VERSION} (node ${process.versions.node})\n`);
    });
  const known = program.commands.some((command) => command.name() === called);
  const loaders =
    called !== undefined && Object.hasOwn(COMMANDS, called) ? [COMMANDS[called]] : Object.values(COMMANDS);
  for (const load of known ? [] : loaders) (await load?.())?.(program);
  for (const command of program.commands) exitWithError(command);
  return program;
}

/** Commander ends the process on a wrong flag unless every command, nested ones too, is told to throw. */
function exitWithError(command: Command): void {
  command.exitOverride();
  for (const inner of command.commands) exitWithError(inner);
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
