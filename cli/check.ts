import { type Command, Option } from "commander";
import { type RegistrySetting, registryOption } from "./registry-option.ts";

export interface CheckOptions {
  readonly policies: string;
  readonly cluster?: string;
  readonly scans?: string;
  readonly registry: readonly RegistrySetting[];
  readonly image: readonly string[];
  readonly namespace: string;
  readonly evidence: boolean;
  readonly json: boolean;
}

export function registerCheck(program: Command): void {
  program
    .command("check")
    .description("say what the gate would say of manifests or images, without a cluster")
    .argument("[file...]", "manifest files, or folders of them")
    .addOption(new Option("--policies <folder>", "ImagePolicy files").makeOptionMandatory())
    .option("--cluster <folder>", "manifests of the cluster, for the labels of namespaces")
    .option("--scans <file>", "scan store that outrider scan --store filled")
    .addOption(registryOption())
    .addOption(
      new Option("--image <reference>", "an image by itself, with the evidence found of it; may be repeated")
        .argParser((text: string, before: readonly string[]) => [...before, text])
        .default([], "none"),
    )
    .option("--namespace <name>", "where images by themselves would run", "default")
    .option("--evidence", "tell what evidence was found of every image", false)
    .option("--json", "one JSON object a line", false)
    .action(async (files: readonly string[], options: CheckOptions) =>
      (await import("./check-run.ts")).check(files, options),
    );
}
