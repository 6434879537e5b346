import { refuseReservedHost } from "./address-guard.ts";

/** Docker Hub is named docker.io in references and answers elsewhere. @see https://docs.docker.com/reference/api/registry/ */
const DOCKER_HUB_API = "registry-1.docker.io";
const DOCKER_HUB_TOKEN_HOST = "auth.docker.io";

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
}

/** Which host may be asked how. Immutable; built once per client. */
export interface RegistryHosts {
  /** The root of a registry's API: `https://host/`. */
  urlOf(registry: string): URL;
  settings(registry: string): RegistryHost;
  /** True when the operator named this URL's host, so that a reserved address is what was meant. */
  isConfigured(url: URL): boolean;
  /** Whether tokens for this registry may be asked of that URL. */
  mayAskToken(registry: string, realm: URL): boolean;
  /** Whether a request without credentials may follow a redirect to that URL. */
  mayFollow(url: URL): boolean;
}

export function registryHosts(registries: readonly RegistryHost[]): RegistryHosts {
  const byHost = new Map(registries.map((registry) => [registry.host.toLowerCase(), registry]));
  const settings = (host: string) => byHost.get(host) ?? { host };
  const isPlain = (url: URL) => byHost.get(hostWithPort(url))?.plainHttp === true;
  const isConfigured = (url: URL) => byHost.has(url.host) || byHost.has(hostWithPort(url));
  return {
    settings,
    isConfigured,
    urlOf: (registry) => {
      const scheme = byHost.get(registry)?.plainHttp === true ? "http" : "https";
      return new URL(`${scheme}://${registry === "docker.io" ? DOCKER_HUB_API : registry}/`);
    },
    mayAskToken: (registry, realm) => {
      const { plainHttp = false, tokenHosts = [] } = settings(registry);
      if (realm.protocol !== "https:" && !(plainHttp && realm.protocol === "http:")) return false;
      if (realm.username !== "" || realm.password !== "") return false;
      const own = new URL(`http://${registry}`).hostname;
      const known = registry === "docker.io" ? [...tokenHosts, DOCKER_HUB_TOKEN_HOST] : tokenHosts;
      return realm.hostname === own || known.includes(realm.hostname) || known.includes(realm.host);
    },
    mayFollow: (url) => (url.protocol === "https:" || isPlain(url)) && (isConfigured(url) || !isReserved(url)),
  };
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
