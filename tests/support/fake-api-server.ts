import { setTimeout as sleep } from "node:timers/promises";
import { refusalOf } from "../../core/cluster/api-server/answers.ts";
import type { ApiObject, ApiRequest, ApiServer, WatchEvent } from "../../core/cluster/api-server/api-server.ts";

interface Kept extends ApiObject {
  readonly [field: string]: unknown;
}

type Watcher = (event: WatchEvent) => void;

/**
 * As much of an API server as the gate's own code needs: lists with pages, versions that conflict, watches that go on
 * from a version. One process, no sockets; the real one is in tests/real.
 */
export interface FakeApiServer extends ApiServer {
  /** What was asked, in order: "GET /api/v1/namespaces". */
  readonly asked: readonly string[];
  /** Puts an object in place as somebody else would. */
  put(collection: string, object: ApiObject & object): void;
  remove(collection: string, name: string): void;
  read<T = Kept>(path: string): T | undefined;
  /** Ends every watch, as the server does every few minutes. */
  endWatches(): void;
  /** Forgets the past: a watch from before must list anew. */
  compact(): void;
  /** Every request for which it returns an error fails with that. */
  fault: (request: ApiRequest) => Error | undefined;
}

export const down = () => refusalOf("test", 503, { message: "down" });

export function fakeApiServer(): FakeApiServer {
  const objects = new Map<string, Kept>();
  const asked: string[] = [];
  const watchers = new Map<string, Set<{ readonly tell: Watcher; readonly end: () => void }>>();
  const history: { readonly version: number; readonly collection: string; readonly event: WatchEvent }[] = [];
  let [version, oldest] = [1, 0];

  const change = (path: string, object: Kept, type: WatchEvent["type"]) => {
    const collection = path.slice(0, path.lastIndexOf("/"));
    const metadata = { uid: `uid-${path}`, ...object.metadata, resourceVersion: String(++version) };
    const next = { ...object, metadata };
    if (type === "DELETED") objects.delete(path);
    else objects.set(path, next);
    const event: WatchEvent = { type, object: structuredClone(next) };
    history.push({ version, collection, event });
    for (const { tell } of watchers.get(collection) ?? []) tell(event);
    return structuredClone(next);
  };

  const list = (collection: string, query: URLSearchParams) => {
    const limit = Number(query.get("limit") ?? "500");
    const from = Number(query.get("continue") ?? "0");
    const all = [...objects].filter(([path]) => path.slice(0, path.lastIndexOf("/")) === collection);
    const items = all.slice(from, from + limit).map(([, object]) => structuredClone(object));
    const more = from + limit < all.length ? { continue: String(from + limit) } : {};
    return { metadata: { resourceVersion: String(version), ...more }, items };
  };

  const write = (method: string, path: string, body: Kept, contentType: string) => {
    if (method === "POST") {
      const target = `${path}/${body.metadata.name}`;
      if (objects.has(target)) throw refusalOf(target, 409, { message: "already exists" });
      return change(target, body, "ADDED");
    }
    const before = objects.get(path);
    const applies = contentType === "application/apply-patch+yaml";
    if (before === undefined && !applies) throw refusalOf(path, 404, { message: "not found" });
    const expected = body.metadata?.resourceVersion;
    if (method === "PUT" && expected !== undefined && expected !== before?.metadata.resourceVersion)
      throw refusalOf(path, 409, { message: "the object has been modified" });
    const next =
      method === "PUT" ? body : ({ ...before, ...body, metadata: { ...before?.metadata, ...body.metadata } } as Kept);
    return change(path, next, before === undefined ? "ADDED" : "MODIFIED");
  };

  const fake: FakeApiServer = {
    asked,
    fault: () => undefined,
    ask: async <T>(request: ApiRequest): Promise<T> => {
      await sleep(0);
      const { method = "GET", path: pathAndQuery, body, contentType = "application/json" } = request;
      const { pathname: path, searchParams } = new URL(pathAndQuery, "http://fake");
      asked.push(`${method} ${path}`);
      const fault = fake.fault(request);
      if (fault !== undefined) throw fault;
      if (method !== "GET") return write(method, path.replace(/\/status$/, ""), body as Kept, contentType) as T;
      const found = objects.get(path);
      if (found !== undefined) return structuredClone(found) as T;
      if (isCollection(path)) return list(path, searchParams) as T;
      throw refusalOf(path, 404, { message: "not found" });
    },
    watch: async (pathAndQuery, onEvent, signal, opened) => {
      await sleep(0);
      const { pathname: collection, searchParams } = new URL(pathAndQuery, "http://fake");
      asked.push(`WATCH ${collection}`);
      const fault = fake.fault({ path: pathAndQuery });
      if (fault !== undefined) throw fault;
      const from = Number(searchParams.get("resourceVersion"));
      if (from < oldest) throw refusalOf(collection, 410, { message: "too old resource version" });
      opened?.();
      for (const past of history) if (past.collection === collection && past.version > from) onEvent(past.event);
      await new Promise<void>((end, fail) => {
        const tell = (event: WatchEvent) => {
          try {
            onEvent(event);
          } catch (thrown) {
            fail(thrown);
          }
        };
        const here = watchers.get(collection) ?? new Set();
        watchers.set(collection, here.add({ tell, end }));
        signal.addEventListener("abort", () => end(), { once: true });
      }).finally(() => watchers.get(collection)?.clear());
      if (signal.aborted) throw new Error("aborted");
    },
    put: (collection, object) => {
      const path = `${collection}/${object.metadata.name}`;
      change(path, object as Kept, objects.has(path) ? "MODIFIED" : "ADDED");
    },
    remove: (collection, name) => {
      const path = `${collection}/${name}`;
      const object = objects.get(path);
      if (object !== undefined) change(path, object, "DELETED");
    },
    read: <T>(path: string) => objects.get(path) as T | undefined,
    endWatches: () => {
      for (const here of watchers.values()) for (const { end } of here) end();
    },
    compact: () => {
      oldest = ++version;
    },
    close: () => {},
  };
  return fake;
}

/** The last segment of a list's path is a plural; an object's name is below one. */
function isCollection(path: string): boolean {
  const segments = path.split("/").slice(path.startsWith("/api/") ? 3 : 4);
  return segments[0] === "namespaces" ? segments.length % 2 === 1 && segments.length !== 2 : segments.length === 1;
}
