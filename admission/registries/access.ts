import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Clock, SECOND_MS, systemClock } from "../../core/base/clock.ts";
import { CodedError, messageOf } from "../../core/base/errors.ts";
import type { Log } from "../../core/base/log.ts";
import { IMAGES_ERRORS } from "../../core/images/errors.ts";
import { parseDockerConfig } from "../../core/images/registry/credentials/docker-config.ts";
import { createKeyring, type Keyring } from "../../core/images/registry/credentials/keyring.ts";
import type { RegistryHost } from "../../core/images/registry/hosts.ts";
import { openTagHistory, type TagHistory } from "../../core/images/registry/tag-history.ts";
import type { RegistryClientOptions } from "../../core/images/registry-client.ts";
import { type DockerConfig, type RegistryConfig, registryHost } from "./config.ts";

/** How often a docker configuration is looked at for a change, in milliseconds. */
export const DOCKER_CONFIG_LOOK_MS = 10 * SECOND_MS;
const HISTORY_FILE = "tags.sqlite";

export interface RegistryAccessOptions {
  readonly registries: readonly RegistryConfig[];
  readonly dockerConfig?: DockerConfig | undefined;
  readonly stateDir: string;
  /** Of this process; a helper gets what the configuration names of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** What the configuration says of registries, its files read, as the client takes it. */
export interface RegistryAccess extends Pick<RegistryClientOptions, "keyring" | "helpers" | "history"> {
  readonly registries: readonly RegistryHost[];
}

/** @throws {CodedError} CREDENTIALS_INVALID, TAG_HISTORY: what is configured must be there at the start */
export function openRegistryAccess(
  options: RegistryAccessOptions,
  keep: (history: TagHistory) => TagHistory,
): RegistryAccess {
  const { registries, dockerConfig, stateDir, env, log } = options;
  const remembers = registries.some(({ tagsFromMirrors }) => tagsFromMirrors);
  return {
    registries: registries.map((registry) => registryHost(registry, readPassword)),
    ...(dockerConfig === undefined ? {} : { keyring: dockerKeyring(dockerConfig.file, log) }),
    ...(dockerConfig?.helpers === undefined
      ? {}
      : { helpers: { env: helperEnvironment(dockerConfig.helpers.env, env) } }),
    ...(remembers ? { history: keep(openTagHistory(join(stateDir, HISTORY_FILE))) } : {}),
  };
}

/**
 * The keyring of a docker configuration, which follows the file: a mounted secret changes under us. A change that cannot
 * be read is logged and the last good one stays.
 */
export function dockerKeyring(file: string, log: Pick<Log, "error">, clock: Clock = systemClock): Keyring {
  const read = () => createKeyring(parseDockerConfig(readFile(file), file));
  let keyring = read();
  let [lookedAtMs, version] = [clock(), versionOf(file)];
  const follow = () => {
    if (clock() - lookedAtMs < DOCKER_CONFIG_LOOK_MS) return;
    lookedAtMs = clock();
    const now = versionOf(file);
    if (now === version) return;
    version = now;
    try {
      keyring = read();
    } catch (err) {
      log.error({ err }, "docker configuration not read; the last good one stays in force");
    }
  };
  return {
    find: (repository) => {
      follow();
      return keyring.find(repository);
    },
  };
}

/** Changes whenever the file does, also by a mounted secret's change of links. */
function versionOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino} ${found.size} ${found.mtimeMs}`;
}

function readPassword(file: string): string {
  return readFile(file).replace(/\r?\n$/, "");
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const { fix } = IMAGES_ERRORS.CREDENTIALS_INVALID;
    throw new CodedError("CREDENTIALS_INVALID", `${file}: ${messageOf(cause)}`, fix, { cause });
  }
}

const ALWAYS = ["PATH", "HOME"];

function helperEnvironment(names: readonly string[], env: RegistryAccessOptions["env"]): Record<string, string> {
  const known = [...ALWAYS, ...names].flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(known);
}
