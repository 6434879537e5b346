import { createHash } from "node:crypto";
import { SECOND_MS } from "../../core/base/clock.ts";
import { CodedError } from "../../core/base/errors.ts";
import type { Log } from "../../core/base/log.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { createKeyring, type KeyringEntry } from "../../core/images/registry/credentials/keyring.ts";
import { parsePullSecret } from "../../core/images/registry/credentials/pull-secret.ts";
import { isObject } from "../../core/policy/pods/pod-spec.ts";
import { extract } from "../containers.ts";
import type { ImageAccess } from "../evidence.ts";
import type { ReviewRequest } from "../review.ts";
import { isObjectName, PATHS } from "./paths.ts";

/** Most pull secrets of one object that are read; further ones are left out, as if they were not there. */
export const PULL_SECRETS_LIMIT = 16;
/** How long a secret that was read is used again, and how many are kept. */
export const PULL_SECRET_TTL_MS = 10 * SECOND_MS;
export const PULL_SECRETS_KEPT = 1000;

interface ReadSecret {
  readonly entries: readonly KeyringEntry[];
  /** Of the object: another content is another version. */
  readonly version: string;
}

/** What a pod may show to registries, by the pull secrets it names, where its namespace has opted in. */
export interface PullSecrets {
  /** @throws {CodedError} when a secret may not be read: then nobody knows what its registry would say */
  accessOf(request: ReviewRequest, signal: AbortSignal): Promise<ImageAccess | undefined>;
}

/**
 * Reads the pull secrets that an object of an opted-in namespace names, from that namespace alone. As the kubelet does, it
 * passes over one that is not there or is no pull secret.
 */
export function createPullSecrets(api: Pick<ApiServer, "ask">, namespaces: readonly string[], log: Log): PullSecrets {
  const kept = new Map<string, { readonly found: ReadSecret | undefined; readonly atMs: number }>();
  const read = async (namespace: string, name: string, signal: AbortSignal): Promise<ReadSecret | undefined> => {
    const path = `${PATHS.secrets(namespace)}/${name}`;
    const before = kept.get(path);
    if (before !== undefined && performance.now() - before.atMs < PULL_SECRET_TTL_MS) return before.found;
    const found = await readSecret(api, path, signal, log);
    kept.delete(path);
    kept.set(path, { found, atMs: performance.now() });
    const [oldest] = kept.keys();
    if (kept.size > PULL_SECRETS_KEPT && oldest !== undefined) kept.delete(oldest);
    return found;
  };
  return {
    accessOf: async (request, signal) => {
      const { namespace } = request;
      if (!namespaces.includes(namespace)) return undefined;
      const names = secretNames(request).slice(0, PULL_SECRETS_LIMIT);
      const secrets = await Promise.all(names.map((name) => read(namespace, name, signal)));
      const found = secrets.filter((secret) => secret !== undefined);
      if (found.length === 0) return undefined;
      const versions = found.map(({ version }) => version).join("\n");
      const scope = `${namespace} ${createHash("sha256").update(versions).digest("hex")}`;
      return { keyring: createKeyring(found.flatMap(({ entries }) => entries)), scope };
    },
  };
}

/** In the order they are named, each once. */
function secretNames(request: ReviewRequest): string[] {
  const lists = extract(request).pods.map(({ spec }) => spec["imagePullSecrets"]);
  const named = lists.flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const names = named.flatMap((entry) => (isObject(entry) && typeof entry["name"] === "string" ? [entry["name"]] : []));
  return [...new Set(names.filter(isObjectName))];
}

async function readSecret(
  api: Pick<ApiServer, "ask">,
  path: string,
  signal: AbortSignal,
  log: Log,
): Promise<ReadSecret | undefined> {
  try {
    const secret = await api.ask<ApiObject>({ path, signal });
    const { uid = "", resourceVersion = "" } = secret.metadata;
    return { entries: parsePullSecret(secret), version: `${uid} ${resourceVersion}` };
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    if (thrown.code === "API_OBJECT_MISSING") return undefined;
    if (thrown.code !== "CREDENTIALS_INVALID") throw thrown;
    log.warn({ err: thrown }, "pull secret passed over");
    return undefined;
  }
}
