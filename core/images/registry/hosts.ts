import { parseReference, type Repository } from "../reference.ts";
import { refuseReservedHost } from "./address-guard.ts";
import { failure } from "./answer.ts";

/** Docker Hub is named docker.io in references and answers elsewhere. @see https://docs.docker.com/reference/api/registry/ */
const DOCKER_HUB_API = "registry-1.docker.io";

/** Public registries whose tokens are at another host. @see their documentation of "docker login" */
const KNOWN_TOKEN_HOSTS: Readonly<Record<string, readonly string[]>> = {
  "docker.io": ["auth.docker.io"],
  "registry.gitlab.com": ["gitlab.com"],
};

/** A user name and a password. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What the operator says of one registry. Hosts that are not listed are asked over https, without credentials. */
export interface RegistryHost {
  /** Host and port as in references: "127.0.0.4:5000". */
  readonly host: string;
  /** Plain HTTP, for this very host and port only. */
  readonly plainHttp?: boolean;
  readonly credentials?: Credentials;
  /** Other hosts its token requests may go to, with its credentials: "gitlab.example.com". */
  readonly tokenHosts?: readonly string[];
  /** Copies of it, in the order they are asked: "mirror.example.com/docker-hub". Believed for digests only. */
  readonly mirrors?: readonly string[];
  /** While it is down, takes from a mirror a digest that its tag had before. */
  readonly tagsFromMirrors?: boolean;
  /** Requests to it at a time. */
  readonly concurrency?: number;
}

/** A host with a path in front of its repositories. */
export interface Mirror {
  readonly registry: string;
  /** "docker-hub/", or nothing */
  readonly prefix: string;
}

/** Which host may be asked how. Immutable; built once per client. */
export interface RegistryHosts {
  /** The root of a registry's API: `https://host/`. @throws {CodedError} REGISTRY_ADDRESS_REFUSED */
  urlOf(registry: string): URL;
  settings(registry: string): RegistryHost;
  /** The settings of the host in a URL, when there are any. */
  settingsAt(host: string): RegistryHost | undefined;
  /** True when the operator named this URL's host, so that a reserved address is what was meant. */
  isConfigured(url: URL): boolean;
  /** Whether tokens for this registry may be asked of that URL. */
  mayAskToken(registry: string, realm: URL): boolean;
  /** Whether a request without credentials may follow a redirect to that URL. */
  mayFollow(url: URL): boolean;
  /** The same repository at each of its mirrors, in order. */
  mirrorsOf(repository: Repository): readonly Repository[];
}

export function registryHosts(registries: readonly RegistryHost[]): RegistryHosts {
  const byHost = new Map(registries.map((registry) => [registry.host.toLowerCase(), registry]));
  const mirrors = new Map(registries.map(({ host, mirrors = [] }) => [host.toLowerCase(), mirrors.map(parseMirror)]));
  const named = [...[...mirrors.values()].flat().map(({ registry }) => registry), ...registries.flatMap(tokenHostsOf)];
  for (const host of named) if (!byHost.has(host)) byHost.set(host, { host });
  const settings = (host: string) => byHost.get(host) ?? { host };
  const settingsAt = (host: string) => byHost.get(host === DOCKER_HUB_API ? "docker.io" : host);
  const isPlain = (url: URL) => byHost.get(hostWithPort(url))?.plainHttp === true;
  const isConfigured = (url: URL) => byHost.has(url.host) || byHost.has(hostWithPort(url));
  return {
    settings,
    settingsAt,
    isConfigured,
    urlOf: (registry) => {
      const scheme = byHost.get(registry)?.plainHttp === true ? "http" : "https";
      const root = `${scheme}://${registry === "docker.io" ? DOCKER_HUB_API : registry}/`;
      if (!URL.canParse(root))
        throw failure("REGISTRY_ADDRESS_REFUSED", `${registry}: is neither a name nor an address`);
      const url = new URL(root);
      refuseOtherSpelling(url, registry, byHost.has(registry));
      return url;
    },
    mayAskToken: (registry, realm) => {
      const { plainHttp = false, tokenHosts = [] } = settings(registry);
      if (realm.protocol !== "https:" && !(plainHttp && realm.protocol === "http:")) return false;
      if (realm.username !== "" || realm.password !== "") return false;
      const own = new URL(`http://${registry}`).hostname;
      const known = [...tokenHosts, ...(KNOWN_TOKEN_HOSTS[registry] ?? [])];
      return realm.hostname === own || known.includes(realm.hostname) || known.includes(realm.host);
    },
    mayFollow: (url) => (url.protocol === "https:" || isPlain(url)) && (isConfigured(url) || !isReserved(url)),
    mirrorsOf: ({ registry, repository }) =>
      (mirrors.get(registry) ?? []).map((mirror) => ({
        registry: mirror.registry,
        repository: `${mirror.prefix}${repository}`,
      })),
  };
}

function tokenHostsOf({ tokenHosts = [] }: RegistryHost): readonly string[] {
  return tokenHosts.map((host) => host.toLowerCase());
}

/** @throws {CodedError} REF_INVALID when it is not a host with an optional path */
export function parseMirror(text: string): Mirror {
  const { registry, repository } = parseReference(`${text}/x`);
  return { registry, prefix: repository.slice(0, -1) };
}

/**
 * An address in octal, hex or one number means to a URL what it does not mean to a policy's pattern, and perhaps
 * something else to the node's runtime. A port that goes without saying is the same trick: "ghcr.io:443/x" is pulled from
 * where a policy denies "ghcr.io/x". It is for hosts that the operator writes so.
 */
function refuseOtherSpelling(url: URL, registry: string, isListed: boolean): void {
  const { host, hostname } = url;
  const sameHost = registry === "docker.io" || registry.replace(/:\d+$/, "") === hostname;
  if (sameHost && (isListed || registry === "docker.io" || registry === host)) return;
  throw failure("REGISTRY_ADDRESS_REFUSED", `${registry}: is another spelling of ${host}`);
}

function hostWithPort(url: URL): string {
  return `${url.hostname}:${url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port}`;
}

function isReserved(url: URL): boolean {
  try {
    refuseReservedHost(url);
    return false;
  } catch {
    return true;
  }
}
