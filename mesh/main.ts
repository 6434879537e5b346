import { dirname, resolve } from "node:path";
import { readConfig } from "../core/base/config.ts";
import { configFlag } from "../core/base/config-flag.ts";
import { runUntilStopped } from "../core/base/lifecycle.ts";
import { createLog } from "../core/base/log.ts";
import { type MeshConfig, meshConfig } from "./config.ts";
import { startMesh } from "./mesh.ts";

/** `outrider mesh --config FILE`. @throws {CodedError} CONFIG_INVALID and whatever keeps a part from starting */
export async function main(args: readonly string[]): Promise<void> {
  const file = configFlag("mesh", args);
  const config = withAbsolutePaths(readConfig(meshConfig, file), dirname(resolve(file)));
  const log = createLog("mesh");
  await runUntilStopped(log, (opened) => startMesh({ config, log, opened }));
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
