import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readConfig } from "../core/base/config.ts";
import { CodedError } from "../core/base/errors.ts";
import { runUntilStopped } from "../core/base/lifecycle.ts";
import { createLog } from "../core/base/log.ts";
import { type MeshConfig, meshConfig } from "./config.ts";
import { startMesh } from "./mesh.ts";

/** `outrider mesh --config FILE`. @throws {CodedError} CONFIG_INVALID and whatever keeps a part from starting */
export async function main(args: readonly string[]): Promise<void> {
  const file = configFile(args);
  const config = withAbsolutePaths(readConfig(meshConfig, file), dirname(resolve(file)));
  const log = createLog("mesh");
  await runUntilStopped(log, (opened) => startMesh({ config, log, opened }));
}

function configFile(args: readonly string[]): string {
  const { values } = parseArgs({ args: [...args], options: { config: { type: "string" } }, strict: true });
  if (values.config !== undefined) return values.config;
  throw new CodedError("CONFIG_INVALID", "outrider mesh: no --config", "run: outrider mesh --config FILE");
}

function withAbsolutePaths(config: MeshConfig, folder: string): MeshConfig {
  return {
    ...config,
    stateDir: resolve(folder, config.stateDir),
    bundleFile: resolve(folder, config.bundleFile),
    cluster: { ...config.cluster, folder: resolve(folder, config.cluster.folder) },
    tokens: { ...config.tokens, jwks: resolve(folder, config.tokens.jwks) },
  };
}
