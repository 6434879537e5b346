import { type Command, Option } from "commander";
import { CodedError } from "../core/base/errors.ts";
import { parseReference } from "../core/images/reference.ts";

export interface InjectOptions {
  readonly filename: readonly string[];
  /** Pinned by digest. */
  readonly image: string;
  readonly json: boolean;
}

export type UninjectOptions = Omit<InjectOptions, "image">;

export function registerInject(program: Command): void {
  program
    .command("inject")
    .description("add the sidecar to the workloads of manifests, as the webhook does to pods")
    .addOption(filenameOption())
    .addOption(imageOption())
    .option("--json", "one JSON object a line instead of YAML", false)
    .action(async (options: InjectOptions) => (await import("./inject-run.ts")).inject(options));
}

export function registerUninject(program: Command): void {
  program
    .command("uninject")
    .description("take the sidecar out of manifests again: every probe, list and annotation as it was")
    .addOption(filenameOption())
    .option("--json", "one JSON object a line instead of YAML", false)
    .action(async (options: UninjectOptions) => (await import("./inject-run.ts")).uninject(options));
}

function filenameOption(): Option {
  const text = "manifest files; - reads standard input";
  return new Option("-f, --filename <file...>", text).makeOptionMandatory();
}

function imageOption(): Option {
  return new Option("--image <reference>", "the sidecar's image, pinned by digest")
    .makeOptionMandatory()
    .argParser(pinned);
}

/** @throws {CodedError} CLI_OPTION, REF_INVALID */
function pinned(text: string): string {
  if (parseReference(text).digest !== undefined) return text;
  const fix = "write it as host/repository@sha256:<64 hex digits>; crane digest IMAGE prints the digest";
  throw new CodedError("CLI_OPTION", `--image: expected an image pinned by digest, found ${JSON.stringify(text)}`, fix);
}
