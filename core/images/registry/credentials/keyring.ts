import type { Repository } from "../../reference.ts";
import type { Credential } from "./credential.ts";

/** A credential and where it may be shown: never to another host, never outside the path. */
export interface KeyringEntry {
  /** Host and port, lower case; a label may be or hold one `*`: "*.azurecr.io". */
  readonly host: string;
  /** Leading path segments; none for the whole host. */
  readonly path: readonly string[];
  readonly credential: Credential;
}

/** Finds the credential for a repository. */
export interface Keyring {
  find(repository: Repository): Credential | undefined;
}

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_NAMES = new Set([DOCKER_HUB, "index.docker.io", "registry-1.docker.io"]);
/** What old files write after the host. @see https://github.com/docker/cli, config file "auths" */
const API_VERSION = /^v[12]$/;

/**
 * The host and path of a key in `auths`: "ghcr.io", "https://index.docker.io/v1/", "quay.io/acme".
 * @returns `undefined` for what names no host
 */
export function parseServer(text: string): Pick<KeyringEntry, "host" | "path"> | undefined {
  const [host = "", ...segments] = text.replace(/^https?:\/\//i, "").split("/");
  if (!/^[a-z0-9*.:[\]-]{1,255}$/i.test(host)) return undefined;
  const path = segments.filter((segment) => segment !== "");
  const name = host.toLowerCase();
  return {
    host: DOCKER_HUB_NAMES.has(name) ? DOCKER_HUB : name,
    path: path.length === 1 && API_VERSION.test(path[0] ?? "") ? [] : path,
  };
}

/** The longest path wins, then the host written out, then the first in order. */
export function createKeyring(entries: readonly KeyringEntry[]): Keyring {
  const sorted = entries.toSorted(
    (a, b) => b.path.length - a.path.length || Number(a.host.includes("*")) - Number(b.host.includes("*")),
  );
  return {
    find: ({ registry, repository }) => {
      const segments = repository.split("/");
      const covers = ({ host, path }: KeyringEntry) =>
        hostMatches(host, registry) && path.every((segment, index) => segment === segments[index]);
      return sorted.find(covers)?.credential;
    },
  };
}

/** The first that knows one. */
export function joinKeyrings(keyrings: readonly Keyring[]): Keyring {
  return {
    find: (repository) => {
      for (const keyring of keyrings) {
        const credential = keyring.find(repository);
        if (credential !== undefined) return credential;
      }
      return undefined;
    },
  };
}

/** By label, so that a `*` never spans a dot, and with the very port. @see Kubernetes docs, "Interpretation of config.json" */
function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.includes("*")) return pattern === host;
  if (portOf(pattern) !== portOf(host)) return false;
  const [wanted, given] = [pattern.split("."), host.split(".")];
  return wanted.length === given.length && wanted.every((label, index) => labelMatches(label, given[index] ?? ""));
}

function portOf(host: string): string | undefined {
  return /:\d+$/.exec(host)?.[0];
}

function labelMatches(pattern: string, label: string): boolean {
  const star = pattern.indexOf("*");
  if (star === -1) return pattern === label;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return label.length >= before.length + after.length && label.startsWith(before) && label.endsWith(after);
}
