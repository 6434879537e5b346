import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { MINUTE_MS } from "../../base/clock.ts";
import { asError, CodedError } from "../../base/errors.ts";
import type { Closable } from "../../base/lifecycle.ts";
import type { ClusterCode } from "../errors.ts";
import { tooLarge } from "./answers.ts";
import type { ApiList, ApiObject, ApiServer, WatchEvent } from "./api-server.ts";
import { createPace } from "./pace.ts";

/** Objects of one page of a list. */
export const PAGE_OBJECTS = 500;
/** A watch is never trusted for ever: the list is read again this often. */
export const RELIST_MS = 10 * MINUTE_MS;
/** The server ends a watch after this long, and it goes on from where it was. */
const WATCH_SECONDS = 240;

export interface WatchObjectsOptions<T> {
  /** The list: "/api/v1/namespaces". A query may select by label or field. */
  readonly path: string;
  /** Most objects kept; a longer list is refused, and what was read before stays. */
  readonly limit: number;
  /** What to keep of an object; `undefined` keeps nothing of it. */
  readonly take: (object: ApiObject) => T | undefined;
  /** Called after each change, with a list as one change. */
  readonly onChange?: (objects: ReadonlyMap<string, T>) => void;
  /** Once per distinct message. */
  readonly onError?: (error: Error) => void;
  readonly relistMs?: number;
}

/** Objects of one kind as the API server has them. */
export interface ObjectWatch<T> extends Closable {
  /** The last good state by "namespace/name", or "name" where there are no namespaces. */
  current(): ReadonlyMap<string, T>;
  /** Whether the list was ever read. */
  isSynced(): boolean;
  /** Why the API server could not be asked last time; `undefined` when it could. */
  lastError(): Error | undefined;
}

/**
 * Keeps a list of the API server up to date: list, watch from there, list again when the watch cannot go on, and now
 * and then anyway. Errors never end it and never empty it.
 */
export function watchObjects<T>(api: ApiServer, options: WatchObjectsOptions<T>): ObjectWatch<T> {
  const { onChange, onError, relistMs = RELIST_MS } = options;
  const stop = new AbortController();
  let objects: Map<string, T> = new Map();
  let [synced, version] = [false, ""];
  let failure: Error | undefined;
  const pace = createPace();
  const answered = () => {
    failure = undefined;
  };
  const opened = () => {
    pace.opened();
    answered();
  };
  const pause = (waitMs: number) => sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {});
  const relist = async () => {
    const listed = await listAll(api, options, stop.signal);
    const changed = !synced || !isDeepStrictEqual(listed.objects, objects);
    ({ objects, version } = listed);
    synced = true;
    answered();
    if (changed) onChange?.(objects);
  };
  const apply = ({ type, object }: WatchEvent) => {
    version = object.metadata.resourceVersion ?? version;
    if (type !== "BOOKMARK" && applyEvent(objects, type, object, options)) onChange?.(objects);
  };
  const follow = async () => {
    const untilMs = performance.now() + relistMs;
    while (!stop.signal.aborted && performance.now() < untilMs) {
      const seconds = Math.max(1, Math.min(WATCH_SECONDS, Math.round((untilMs - performance.now()) / 1000)));
      await api.watch(watchPath(options.path, version, seconds), apply, stop.signal, opened);
      await pause(pace.next());
    }
  };
  const failed = (thrown: unknown) => {
    const again = failure?.message === asError(thrown).message;
    failure = asError(thrown);
    if (!again) onError?.(failure);
  };
  const run = async () => {
    while (!stop.signal.aborted) {
      try {
        await relist();
        await follow();
      } catch (thrown) {
        if (stop.signal.aborted) return;
        if (!hasCode(thrown, "API_LIST_EXPIRED")) failed(thrown);
        // a list that is too long will be so in a second, too, and reading it costs the server most
        await pause(hasCode(thrown, "API_TOO_LARGE") ? relistMs : pace.next());
      }
    }
  };
  void run();
  return { current: () => objects, isSynced: () => synced, lastError: () => failure, close: () => stop.abort() };
}

function hasCode(thrown: unknown, code: ClusterCode): boolean {
  return thrown instanceof CodedError && thrown.code === code;
}

async function listAll<T>(api: ApiServer, { path, limit, take }: WatchObjectsOptions<T>, signal: AbortSignal) {
  const objects = new Map<string, T>();
  let more = "";
  for (;;) {
    const list = await api.ask<ApiList<ApiObject>>({ path: `${withQuery(path)}limit=${PAGE_OBJECTS}${more}`, signal });
    for (const object of list.items) {
      const taken = take(object);
      if (taken !== undefined) objects.set(keyOf(object), taken);
    }
    if (objects.size > limit) throw tooLarge(`the list of ${path}`, limit);
    const { continue: next = "", resourceVersion } = list.metadata;
    if (next === "") return { objects, version: resourceVersion };
    more = `&continue=${encodeURIComponent(next)}`;
  }
}

/** @returns whether anything differs now */
function applyEvent<T>(
  objects: Map<string, T>,
  type: WatchEvent["type"],
  object: ApiObject,
  { path, limit, take }: WatchObjectsOptions<T>,
): boolean {
  const key = keyOf(object);
  const taken = type === "DELETED" ? undefined : take(object);
  if (taken === undefined) return objects.delete(key);
  if (isDeepStrictEqual(objects.get(key), taken)) return false;
  if (!objects.has(key) && objects.size >= limit) throw tooLarge(`the list of ${path}`, limit);
  objects.set(key, taken);
  return true;
}

function watchPath(path: string, version: string, seconds: number): string {
  const from = `resourceVersion=${encodeURIComponent(version)}`;
  return `${withQuery(path)}watch=true&allowWatchBookmarks=true&timeoutSeconds=${seconds}&${from}`;
}

function withQuery(path: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}`;
}

export function keyOf({ metadata: { namespace, name } }: ApiObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
