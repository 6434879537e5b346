import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, ownAddress, type Program, startProgram } from "./program.ts";

const READY_MS = 10_000;

export interface RunningRegistry {
  /** Host and port as in image references. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Debian's registry 2.8: no referrers API, so that clients use the fallback tag. */
export async function startDockerRegistry(program: string, folder: string): Promise<RunningRegistry> {
  const host = `${ownAddress()}:5000`;
  const data = join(folder, "registry");
  mkdirSync(data, { recursive: true });
  const config = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: data } },
    http: { addr: host },
  };
  const file = join(folder, "registry.yml");
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  return running(startProgram(program, ["serve", file]), host);
}

/** go-containerregistry's registry, with the referrers API. */
export async function startReferrersRegistry(program: string): Promise<RunningRegistry> {
  const host = `${ownAddress()}:5000`;
  return running(startProgram(program, ["-addr", host]), host);
}

async function running(program: Program, host: string): Promise<RunningRegistry> {
  await eventually(`a registry at ${host}`, READY_MS, async () => (await fetch(`http://${host}/v2/`)).ok || undefined);
  return { host, stop: program.stop };
}
