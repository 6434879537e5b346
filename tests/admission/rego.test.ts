import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "@jest/globals";
import { extract } from "../../admission/containers.ts";
import { createRego, type REGO_LIBRARY, REGO_VALUES_LIMIT } from "../../admission/rego/rego.ts";
import { regoInput } from "../../admission/rego/rego-input.ts";
import type { CodedError } from "../../core/base/errors.ts";

const vector = (name: string) => fileURLToPath(new URL(`../vectors/rego/${name}`, import.meta.url));
const HOSTILE = Object.fromEntries(
  ["endless", "hungry", "undefined", "failing", "shapeless"].map((name) => [name, `hostile/${name}/violations`]),
);
const soon = () => AbortSignal.timeout(10_000);

const library = createRego();
const hostile = createRego({ file: vector("hostile.wasm"), rules: HOSTILE, deadlineMs: 300 });

afterAll(async () => {
  await library.close();
  await hostile.close();
});

/** What a rule sees of a pod with these containers' images and labels. */
function input(images: readonly string[], labels: object, parameters: object) {
  const object = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", labels },
    spec: { containers: images.map((image) => ({ name: "c", image })) },
  };
  const request = {
    uid: "1",
    group: "",
    kind: "Pod",
    subResource: "",
    namespace: "shop",
    name: "a",
    operation: "CREATE",
    username: "",
    dryRun: false,
    object,
  } as const;
  return regoInput(extract(request), { ...parameters });
}

const foundBy = async (rule: keyof typeof REGO_LIBRARY, given: object) =>
  (await library.run(rule, given, soon())).map(({ path, found }) => `${path}: ${found}`);

describe("required-labels", () => {
  const cases: [given: string, labels: object, parameters: object, found: string[]][] = [
    ["is content with all of them", { owner: "a", app: "b" }, { labels: ["owner", "app"] }, []],
    [
      "names each that is missing",
      {},
      { labels: ["owner", "app"] },
      ["metadata.labels.app: no label app", "metadata.labels.owner: no label owner"],
    ],
    ["counts an empty one as missing", { owner: "" }, { labels: ["owner"] }, ["metadata.labels.owner: no label owner"]],
    [
      "refuses everything without parameters",
      { owner: "a" },
      {},
      ["spec.pods.rego: parameters.labels that is not a list of names"],
    ],
    [
      "refuses everything with an empty list, too",
      { owner: "a" },
      { labels: [] },
      ["spec.pods.rego: parameters.labels that is not a list of names"],
    ],
    [
      "refuses everything when a name is no text",
      { owner: "a" },
      { labels: ["owner", 7] },
      ["spec.pods.rego: parameters.labels that is not a list of names"],
    ],
  ];
  it.each(cases)("%s", async (_, labels, parameters, found) => {
    expect(await foundBy("required-labels", input(["a:1"], labels, parameters))).toEqual(expect.arrayContaining(found));
    expect((await foundBy("required-labels", input(["a:1"], labels, parameters))).length > 0).toBe(found.length > 0);
  });
});

describe("no-latest-tag", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const cases: [image: string, found: string[]][] = [
    ["ghcr.io/acme/web:1.2", []],
    [`ghcr.io/acme/web@${digest}`, []],
    [`ghcr.io/acme/web:latest@${digest}`, []],
    ["ghcr.io/acme/web:latest", ["spec.containers[0].image: tag latest"]],
    ["ghcr.io/acme/web", ["spec.containers[0].image: tag latest by omission"]],
    ["127.0.0.4:5000/web", ["spec.containers[0].image: tag latest by omission"]],
  ];
  it.each(cases)("%s", async (image, found) =>
    expect(await foundBy("no-latest-tag", input([image], {}, {}))).toEqual(found),
  );
});

describe("approved-registries", () => {
  const approved = { registries: ["ghcr.io/acme", "127.0.0.4:5000/", "docker.io/library/nginx"] };
  const cases: [image: string, allowed: boolean][] = [
    ["ghcr.io/acme/web:1", true],
    ["ghcr.io/acme/team/web:1", true],
    ["ghcr.io/acme-evil/web:1", false],
    ["ghcr.io.evil.com/acme/web:1", false],
    ["127.0.0.4:5000/shop/web:1", true],
    ["127.0.0.4:50000/shop/web:1", false],
    ["nginx:1", true],
    ["nginx2:1", false],
  ];
  it.each(cases)("%s: %s", async (image, allowed) => {
    expect((await foundBy("approved-registries", input([image], {}, approved))).length === 0).toBe(allowed);
  });

  it("refuses everything when a registry is no text", async () => {
    expect(
      await foundBy("approved-registries", input(["ghcr.io/acme/web:1"], {}, { registries: ["ghcr.io/acme", 1] })),
    ).not.toEqual([]);
  });
});

describe("a review whose time is up", () => {
  it("is answered at once, though the rule before it still runs", async () => {
    const slow = createRego({ file: vector("hostile.wasm"), rules: HOSTILE, deadlineMs: 60_000 }); // longer than a test may take
    await slow.run("shapeless", {}, soon()).catch(() => {});
    const endless = slow.run("endless", {}, AbortSignal.timeout(100)).catch((error: CodedError) => error);
    const behind = slow.run("shapeless", {}, AbortSignal.timeout(100)).catch((error: CodedError) => error);
    expect((await Promise.all([endless, behind])).map((error) => (error as CodedError).code)).toEqual([
      "REGO_TIMEOUT",
      "REGO_TIMEOUT",
    ]);
    await slow.close();
  });
});

describe("a rule that misbehaves is an error, never a pass", () => {
  const cases: [given: string, rule: string, code: string][] = [
    ["when it never ends", "endless", "REGO_TIMEOUT"],
    ["when it asks for more memory than it may have", "hungry", "REGO_"],
    ["when a built-in inside the module fails", "undefined", "REGO_FAILED"],
    ["when a built-in outside the module fails", "failing", "REGO_FAILED"],
    ["when it gives something else than findings", "shapeless", "REGO_FAILED"],
    ["when it is not there", "nonsense", "REGO_UNKNOWN_RULE"],
    ["when its name is one every object has", "constructor", "REGO_UNKNOWN_RULE"],
  ];
  it.each(cases)("%s", async (_, rule, code) => {
    const error = await hostile.run(rule, { word: "x" }, soon()).catch((thrown: CodedError) => thrown);
    expect(error).toMatchObject({ code: expect.stringContaining(code), fix: expect.any(String) });
  });

  it("and the next run has a thread again", async () => {
    const [killed, after] = await Promise.allSettled([
      hostile.run("endless", {}, soon()),
      hostile.run("undefined", { word: "1" }, soon()),
    ]);
    expect(killed).toMatchObject({ status: "rejected", reason: { code: "REGO_TIMEOUT" } });
    expect(after).toMatchObject({
      status: "rejected",
      reason: { code: "REGO_FAILED", message: expect.stringContaining("expected a set") },
    });
  });

  it("when its module calls a built-in that the runtime lacks, found before it runs", async () => {
    const missing = createRego({ file: vector("missing.wasm"), rules: { missing: "missing/violations" } });
    await expect(missing.run("missing", {}, soon())).rejects.toMatchObject({
      code: "REGO_BUILTIN_MISSING",
      message: expect.stringContaining("time.now_ns"),
    });
  });

  it("when its module is not there", async () => {
    const absent = createRego({ file: vector("absent.wasm"), rules: { a: "a" } });
    await expect(absent.run("a", {}, soon())).rejects.toMatchObject({ code: "REGO_FAILED" });
  });

  it("when the review's time was up before it could run", async () => {
    await expect(library.run("no-latest-tag", {}, AbortSignal.abort())).rejects.toMatchObject({ code: "REGO_TIMEOUT" });
  });
});

describe("an object of very many values", () => {
  const holding = (values: number) => ({ object: Array.from({ length: values }, () => ({})), images: [], pods: [] });

  it("is refused before it takes the thread that others wait for", async () => {
    await expect(library.run("no-latest-tag", holding(REGO_VALUES_LIMIT), soon())).rejects.toMatchObject({
      code: "REGO_FAILED",
      message: expect.stringContaining(`more than ${REGO_VALUES_LIMIT} values`),
    });
  });

  it("is judged below the limit", async () => {
    expect(await library.run("no-latest-tag", holding(REGO_VALUES_LIMIT / 10), soon())).toEqual([]);
  });
});
