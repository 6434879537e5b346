import { afterEach, describe, expect, it } from "@jest/globals";
import { refusalOf } from "../../../core/cluster/api-server/answers.ts";
import type { ApiObject } from "../../../core/cluster/api-server/api-server.ts";
import { FIRST_RETRY_MS } from "../../../core/cluster/api-server/pace.ts";
import {
  type ObjectWatch,
  PAGE_OBJECTS,
  type WatchObjectsOptions,
  watchObjects,
} from "../../../core/cluster/api-server/watch-objects.ts";
import { down, type FakeApiServer, fakeApiServer } from "../../support/fake-api-server.ts";

const PATH = "/api/v1/namespaces";
const named = (name: string, labels: Record<string, string> = {}) => ({ metadata: { name, labels } });

let api: FakeApiServer;
let watch: ObjectWatch<string>;
let told: string[][];
let errors: string[];
afterEach(() => watch.close());

function begin(options: Partial<WatchObjectsOptions<string>> = {}): void {
  [told, errors] = [[], []];
  watch = watchObjects(api, {
    path: PATH,
    limit: 2000,
    take: ({ metadata }: ApiObject) => metadata.labels?.["note"] ?? "",
    onChange: (objects) => told.push([...objects.keys()]),
    onError: (error) => errors.push(error.message),
    ...options,
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const names = () => [...watch.current().keys()];
const watches = () => api.asked.filter((line) => line.startsWith("WATCH")).length;
const lists = () => api.asked.filter((line) => line.startsWith("GET")).length;

describe("objects of an API server", () => {
  it("are listed in pages, then watched: added, changed, gone", async () => {
    api = fakeApiServer();
    for (let index = 0; index <= PAGE_OBJECTS; index++) api.put(PATH, named(`ns-${index}`));
    begin();
    expect(watch.isSynced()).toBe(false);
    await until(() => watch.isSynced());
    expect(names()).toHaveLength(PAGE_OBJECTS + 1);
    expect(lists()).toBe(2);
    await until(() => watches() === 1);
    api.put(PATH, named("late", { note: "one" }));
    api.put(PATH, named("late", { note: "two" }));
    api.remove(PATH, "ns-0");
    await until(() => !names().includes("ns-0"));
    expect(watch.current().get("late")).toBe("two");
  });

  it("tell of a change once, and not of what is not kept", async () => {
    api = fakeApiServer();
    begin();
    await until(() => watches() === 1);
    api.put(PATH, named("a", { note: "one" }));
    api.put(PATH, named("a", { note: "one", other: "of no interest" }));
    api.put(PATH, named("b"));
    await until(() => names().includes("b"));
    expect(told).toEqual([[], ["a"], ["a", "b"]]);
  });

  it("go on from where they were when the server ends the watch, without a list", async () => {
    api = fakeApiServer();
    begin();
    await until(() => watches() === 1);
    api.endWatches();
    api.put(PATH, named("meanwhile"));
    await until(() => names().includes("meanwhile"));
    expect(lists()).toBe(1);
  });

  it("are listed anew when the server has forgotten where they were", async () => {
    api = fakeApiServer();
    begin();
    await until(() => watches() === 1);
    api.put(PATH, named("unseen"));
    api.compact();
    api.endWatches();
    await until(() => lists() === 2);
    await until(() => names().includes("unseen"));
    expect(errors).toEqual([]);
  });

  it("stay as they were while the server is away, which is told once, and are up to date after", async () => {
    api = fakeApiServer();
    api.put(PATH, named("kept"));
    begin();
    await until(() => watches() === 1);
    api.fault = down;
    api.endWatches();
    await until(() => errors.length > 0);
    const before = api.asked.length;
    await until(() => api.asked.length > before);
    expect(names()).toEqual(["kept"]);
    expect(errors).toHaveLength(1);
    expect(watch.lastError()).toMatchObject({ code: "API_SERVER_UNREACHABLE" });
    api.remove(PATH, "kept");
    api.fault = () => undefined;
    await until(() => names().length === 0);
    expect(watch.lastError()).toBeUndefined();
  });

  it("are not synced before the first list, whatever fails", async () => {
    api = fakeApiServer();
    api.fault = down;
    begin();
    await until(() => errors.length > 0);
    expect(watch.isSynced()).toBe(false);
  });

  it("above the limit are refused, and the last good ones stay", async () => {
    api = fakeApiServer();
    api.put(PATH, named("one"));
    begin({ limit: 1 });
    await until(() => watches() === 1);
    api.put(PATH, named("two"));
    await until(() => errors.length > 0);
    expect(names()).toEqual(["one"]);
    expect(watch.lastError()).toMatchObject({ code: "API_TOO_LARGE" });
    const before = lists();
    await new Promise((resolve) => setTimeout(resolve, FIRST_RETRY_MS + 100));
    expect(lists()).toBe(before);
  });

  it("are listed again after a while, watch or no watch", async () => {
    api = fakeApiServer();
    begin({ relistMs: 30 });
    await until(() => watches() === 1);
    await new Promise((resolve) => setTimeout(resolve, 40));
    api.endWatches();
    await until(() => lists() >= 2);
  });

  it.each([
    ["ends each watch at once", async () => {}],
    [
      "forgets at once where they were",
      async () => {
        throw refusalOf("watch", 410, { message: "too old resource version" });
      },
    ],
    [
      "sends what is no event",
      async () => {
        throw new SyntaxError("Unexpected token");
      },
    ],
  ])("are not asked for without end by a server that %s", async (_, ending) => {
    const fake = fakeApiServer();
    api = {
      ...fake,
      watch: async (path, __, ___, opened) => {
        await fake.ask({ path });
        opened?.();
        await ending();
      },
    };
    begin();
    await until(() => watch.isSynced());
    await new Promise((resolve) => setTimeout(resolve, FIRST_RETRY_MS));
    expect(fake.asked.length).toBeLessThan(8);
  });
});
