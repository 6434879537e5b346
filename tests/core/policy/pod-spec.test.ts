import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { field, imagesOf, ROOT } from "../../../core/policy/pods/pod-spec.ts";
import {
  PATH_LIMIT_CHARS,
  podSpecsOf,
  SEARCH_DEPTH_LIMIT,
  SEARCH_NODE_LIMIT,
} from "../../../core/policy/pods/pod-spec-find.ts";

const find = (object: object, group = "example.com", kind = "Thing") =>
  podSpecsOf(object as Record<string, unknown>, group, kind).flatMap(imagesOf);
const images = (object: object, group?: string, kind?: string) =>
  find(object, group, kind).map(({ path, reference }) => `${path} ${reference}`);
const at = (pointer: string, object: unknown): unknown =>
  pointer
    .split("/")
    .slice(1)
    .reduce<unknown>(
      (value, key) => (value as Record<string, unknown>)[key.replaceAll("~1", "/").replaceAll("~0", "~")],
      object,
    );

describe("images of a built-in kind", () => {
  it("are those of every container list and image volume, each with its place", () => {
    const spec = {
      initContainers: [{ image: "a" }],
      containers: [{ image: "b" }],
      ephemeralContainers: [{ image: "c" }],
      volumes: [{ emptyDir: {} }, { image: { reference: "d" } }],
    };
    expect(images({ spec }, "", "Pod")).toEqual([
      "spec.initContainers[0].image a",
      "spec.containers[0].image b",
      "spec.ephemeralContainers[0].image c",
      "spec.volumes[1].image.reference d",
    ]);
  });

  it("are an error when its pod spec is missing, because nothing could be judged", () => {
    expect(() => find({ spec: {} }, "apps", "Deployment")).toThrow(
      "spec.template.spec: expected a pod spec, found nothing",
    );
  });

  it.each([undefined, null, [], {}])("are an error when its containers are %j", (containers) => {
    expect(() => find({ spec: { containers } }, "", "Pod")).toThrow("spec.containers: expected at least one container");
  });

  it("include the one a container does not name, as nothing can vouch for it", () => {
    expect(images({ spec: { containers: [{ name: "a" }] } }, "", "Pod")).toEqual(["spec.containers[0].image "]);
  });
});

describe("images of a kind that the gate does not know", () => {
  it("are found at any depth, the nearest first", () => {
    const object = {
      spec: {
        stages: [{ deep: { pod: { containers: [{ image: "a" }] } } }, { volumes: [{ image: { reference: "b" } }] }],
      },
    };
    expect(images(object)).toEqual([
      "spec.stages[1].volumes[0].image.reference b",
      "spec.stages[0].deep.pod.containers[0].image a",
    ]);
  });

  it("are found in an EphemeralContainers object of old clusters", () => {
    expect(images({ ephemeralContainers: [{ image: "a" }] })).toEqual(["ephemeralContainers[0].image a"]);
  });

  it("are found where a key is odd, and their pointer leads there", () => {
    const object = { "a/b~c": { containers: [{ image: "x" }] } };
    const [image] = find(object);
    expect(image?.path).toBe('["a/b~c"].containers[0].image');
    expect(at(image?.pointer ?? "", object)).toBe("x");
  });

  it("are none in lists that merely have the same name", () => {
    expect(images({ spec: { containers: ["a", 1], volumes: [{ name: "v", image: 7 }] } })).toEqual([]);
  });

  it("cannot hide behind an odd neighbour", () => {
    expect(() => find({ spec: { containers: ["odd", { image: "evil" }] } })).toThrow(
      "spec.containers[0]: expected an object",
    );
  });

  it("cannot hide below the deepest level: such an object is refused", () => {
    let object: object = { containers: [{ image: "evil" }] };
    for (let depth = 0; depth < SEARCH_DEPTH_LIMIT; depth++) object = { a: object };
    expect(() => find(object)).toThrow("expected an object of at most");
  });

  it("cannot be named at greater length than its path is shown", () => {
    const long = { ["k".repeat(PATH_LIMIT_CHARS + 1)]: { containers: [{ image: "evil" }] } };
    expect(() => find(long)).toThrow(`expected a path of at most ${PATH_LIMIT_CHARS} characters`);
  });

  it.each([
    ["fields", (many: object[]) => ({ ...many })],
    ["list entries", (many: object[]) => ({ many })],
  ])("cannot hide among more %s than are looked at", (_, wrap) => {
    const many = Array.from({ length: SEARCH_NODE_LIMIT }, () => ({}));
    expect(() => find(wrap([...many, { containers: [{ image: "evil" }] }]))).toThrow("expected an object of at most");
  });
});

describe("adding an image anywhere", () => {
  it("is always noticed", () => {
    const list = fc.constantFrom("containers", "initContainers", "ephemeralContainers");
    const steps = fc.array(
      fc.string({ minLength: 1, maxLength: 8 }).filter((s) => !["__proto__"].includes(s)),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(list, steps, fc.jsonValue({ maxDepth: 2 }), (name, path, noise) => {
        const object = path.reduceRight<object>((inner, key) => ({ noise, [key]: inner }), {
          [name]: [{ image: "planted" }],
        });
        expect(find(object).map(({ reference }) => reference)).toContain("planted");
      }),
    );
  });
});

describe("a place", () => {
  it("is written as a person would", () => {
    expect(field(ROOT, "spec")).toEqual({ path: "spec", pointer: "/spec" });
    expect(field(field(ROOT, "labels"), "a.b/c")).toEqual({ path: 'labels["a.b/c"]', pointer: "/labels/a.b~1c" });
  });
});
