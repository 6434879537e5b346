import type { Closable } from "../../base/lifecycle.ts";

/** Any object of the API server. Fields beyond these are the kind's own, and whoever reads them checks them. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export interface ApiList<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}

/** One line of a watch. @see Kubernetes API concepts, "Efficient detection of changes" */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: ApiObject;
}

export interface ApiRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query: "/api/v1/namespaces?limit=500". */
  readonly path: string;
  readonly body?: object;
  /** Of the body; JSON where it is absent. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** The Kubernetes API, as little of it as Outrider needs. */
export interface ApiServer extends Closable {
  /**
   * One request and its answer.
   *
   * @throws {CodedError} API_SERVER_UNREACHABLE, API_OBJECT_MISSING, API_CONFLICT, API_LIST_EXPIRED, API_FORBIDDEN,
   *   API_REFUSED, API_TOO_LARGE
   */
  ask<T>(request: ApiRequest): Promise<T>;
  /**
   * Hands out events until the server ends the watch, which it does every few minutes.
   *
   * @param path  of the list, with `watch=true` and where to go on from
   * @param opened  called once the server has agreed to watch
   * @throws {CodedError} as `ask`; API_LIST_EXPIRED when the list must be read anew
   */
  watch(path: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal, opened?: () => void): Promise<void>;
}
