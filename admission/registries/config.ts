import { z } from "zod";
import { CONNECTIONS_PER_REGISTRY } from "../../core/images/limits.ts";
import { parseMirror, type RegistryHost } from "../../core/images/registry/hosts.ts";

const host = z
  .string()
  .regex(/^[a-z0-9.[\]:-]{1,255}$/, 'expected a host with an optional port, lower case, such as "ghcr.io"');

const mirror = z.string().refine(isMirror, 'expected a host with an optional path, such as "mirror.example.com/hub"');

/** A password is in a file of its own, so that this configuration can be shown to anybody. */
const credentials = z.strictObject({ username: z.string().min(1), passwordFile: z.string().min(1) });

/** One registry; those that are not listed are asked over https, without credentials, at public addresses only. */
const registrySchema = z.strictObject({
  host,
  /** Plain HTTP, for this host and port. */
  plainHttp: z.boolean().default(false),
  credentials: credentials.optional(),
  /** Other hosts that its token requests may go to, with its credentials. */
  tokenHosts: z.array(host).default([]),
  /** Copies of it, in the order they are asked; believed for digests only. */
  mirrors: z.array(mirror).max(8).default([]),
  /** While it is down, a tag may come from a mirror when this registry gave the same digest for it before. */
  tagsFromMirrors: z.boolean().default(false),
  /** Requests to it at a time. */
  concurrency: z.number().int().min(1).max(CONNECTIONS_PER_REGISTRY).optional(),
});

export const registriesSchema = z.array(registrySchema).default([]);

/** A docker `config.json`, read again when it changes. */
export const dockerConfigSchema = z.strictObject({
  file: z.string().min(1),
  /** Lets the credential helpers it names run, with PATH, HOME and these variables of the environment. */
  helpers: z.strictObject({ env: z.array(z.string().min(1)).default([]) }).optional(),
});

export type RegistryConfig = z.output<typeof registrySchema>;
export type DockerConfig = z.output<typeof dockerConfigSchema>;

/** Their files, relative to the configuration's folder, made absolute. */
export function registryAt(config: RegistryConfig, at: (path: string) => string): RegistryConfig {
  const { credentials: found } = config;
  return found === undefined ? config : { ...config, credentials: { ...found, passwordFile: at(found.passwordFile) } };
}

/** A registry as the client knows it, its password read. */
export function registryHost(config: RegistryConfig, readPassword: (file: string) => string): RegistryHost {
  const { credentials: found, concurrency, ...rest } = config;
  return {
    ...rest,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(found === undefined
      ? {}
      : { credentials: { username: found.username, password: readPassword(found.passwordFile) } }),
  };
}

function isMirror(text: string): boolean {
  try {
    parseMirror(text);
    return true;
  } catch {
    return false;
  }
}
