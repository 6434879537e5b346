import type { Closable } from "../../core/base/lifecycle.ts";
import { refusalOf } from "../../core/cluster/api-server/answers.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { watchObjects } from "../../core/cluster/api-server/watch-objects.ts";
import { isObjectName, PATHS } from "./paths.ts";

/** Most namespaces of a cluster that are kept. */
export const NAMESPACES_LIMIT = 20_000;
/** Most labels asked for one by one that are kept beside the watched ones. */
export const ASKED_NAMESPACES_LIMIT = 1000;

export type Labels = Readonly<Record<string, string>>;

/** Labels of namespaces, by which policies and Pod Security levels are chosen. */
export interface NamespaceLabels extends Closable {
  /** Makes sure that a namespace is known. @throws {CodedError} when the API server cannot be asked, or has no such one */
  know(namespace: string, signal: AbortSignal): Promise<void>;
  /** `undefined` for one that is not known, which is not the same as one without labels. */
  of(namespace: string): Labels | undefined;
  isSynced(): boolean;
  /** Whether they can be watched now. */
  isUp(): boolean;
}

/**
 * Watched, and asked for where the watch has not heard of one: the first Pod of a new namespace may come before its
 * labels, and taken for a namespace without any it would be judged by laxer rules.
 */
export function watchNamespaces(api: ApiServer, onError: (error: Error) => void): NamespaceLabels {
  const watched = watchObjects<Labels>(api, {
    path: PATHS.namespaces,
    limit: NAMESPACES_LIMIT,
    take: labelsOf,
    onChange: (now) => {
      for (const name of asked.keys()) if (now.has(name)) asked.delete(name);
    },
    onError,
  });
  const asked = new Map<string, Labels>();
  return {
    know: async (namespace, signal) => {
      if (namespace === "" || watched.current().has(namespace)) return;
      if (!isObjectName(namespace)) throw refusalOf("namespace", 404, { message: "no name of a namespace" });
      const found = await api.ask<ApiObject>({ path: `${PATHS.namespaces}/${namespace}`, signal });
      const [oldest] = asked.keys();
      if (asked.size >= ASKED_NAMESPACES_LIMIT && oldest !== undefined) asked.delete(oldest);
      asked.set(namespace, labelsOf(found));
    },
    of: (namespace) => watched.current().get(namespace) ?? asked.get(namespace),
    isSynced: watched.isSynced,
    isUp: () => watched.lastError() === undefined,
    close: watched.close,
  };
}

function labelsOf({ metadata }: ApiObject): Labels {
  return metadata.labels ?? {};
}
