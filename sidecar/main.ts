import { readFileSync } from "node:fs";
import { configFlag } from "../core/base/config-flag.ts";
import { runUntilStopped } from "../core/base/lifecycle.ts";
import { createLog, type Log } from "../core/base/log.ts";
import { createCaSource } from "../core/identity/ca-source.ts";
import { createFileSource } from "../core/identity/file-source.ts";
import { workloadId } from "../core/identity/spiffe-id.ts";
import type { SvidSource } from "../core/identity/svid.ts";
import { readSidecarConfig, type SidecarConfig } from "./config.ts";
import { serviceAccountOf } from "./identity/token.ts";
import { startSidecar } from "./sidecar.ts";

/** `outrider sidecar --config FILE`. @throws {CodedError} CONFIG_INVALID and whatever keeps a part from starting */
export async function main(args: readonly string[]): Promise<void> {
  const config = readSidecarConfig(configFlag("sidecar", args), process.env);
  const log = createLog("sidecar");
  const stop = () => void process.kill(process.pid, "SIGTERM");
  const waiting = new AbortController();
  process.once("SIGTERM", () => waiting.abort());
  await runUntilStopped(log, async (opened) => {
    const source = await identitySource(config, log, waiting.signal);
    return startSidecar({ config, source, log, opened, stop });
  });
}

/** Waits for the first certificate: without one there is nothing this process may do. */
async function identitySource(config: SidecarConfig, log: Log, signal: AbortSignal): Promise<SvidSource> {
  const { identity, trustDomain, pod } = config;
  if ("files" in identity) return createFileSource({ trustDomain, ...identity.files, log });
  const serviceAccount = serviceAccountOf(readFileSync(identity.tokenFile, "utf8"));
  const spiffeId = workloadId(trustDomain, pod.namespace, serviceAccount);
  return createCaSource({ trustDomain, spiffeId, ...identity, log, signal });
}
