import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { applyPatch } from "rfc6902";
import { openShop, operationsOf, type Pod, pod, type Shop, startWebhook, type Webhook } from "../support/webhook.ts";

const RUNS = Number(process.env["OUTRIDER_RUNS"] ?? 40);

let shop: Shop;
let webhook: Webhook;

beforeAll(async () => {
  shop = await openShop();
  webhook = await startWebhook(shop, { sidecar: { image: shop.images.sidecar } });
});

afterAll(async () => {
  await webhook.close();
  await shop.registry.close();
});

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const port = fc.constantFrom<string | number>(8080, 80, "http");
const probe = fc.record(
  {
    httpGet: maybe(
      fc.record(
        { path: fc.constantFrom("/", "/healthz?a=b"), port, scheme: fc.constantFrom("HTTP", "HTTPS") },
        { requiredKeys: ["port"] },
      ),
    ),
    tcpSocket: maybe(fc.record({ port })),
    exec: maybe(fc.constant({ command: ["true"] })),
    periodSeconds: fc.integer({ min: 1, max: 60 }),
  },
  { requiredKeys: [] },
);
const container = (index: number) =>
  fc.record(
    {
      name: fc.constant(`c${index}`),
      image: fc.constantFrom("good" as const, "bundle" as const),
      ports: fc.constantFrom([], [{ name: "http", containerPort: 8080 }], [{ containerPort: 80, protocol: "TCP" }]),
      livenessProbe: probe,
      readinessProbe: probe,
      startupProbe: probe,
      env: fc.constantFrom([], [{ name: "A/B~C", value: "1" }]),
      securityContext: fc.constantFrom(
        {},
        { runAsUser: 1000 },
        { runAsNonRoot: true, capabilities: { drop: ["ALL"] } },
      ),
      restartPolicy: fc.constantFrom(undefined),
    },
    { requiredKeys: ["name", "image"] },
  );
const containers = (first: number, most: number, least = 0) =>
  fc
    .integer({ min: least, max: most })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => container(first + index))));

const annotations = fc
  .dictionary(
    fc.constantFrom(
      "example.com/a~b",
      "prometheus.io/scrape",
      "outrider.dev/sidecar-cpu-request",
      "outrider.dev/inject",
    ),
    fc.constantFrom("true", "disabled", "1", "100m"),
  )
  .map((all) =>
    Object.fromEntries(Object.entries(all).filter(([name, value]) => !name.includes("cpu") || /^\d/.test(value))),
  );

/** Pods that the policy would admit, in every shape that pinning and injecting must cope with. */
const POD = fc.record({
  containers: containers(0, 3, 1),
  initContainers: maybe(containers(10, 2)),
  volumes: maybe(
    fc.constantFrom([], [{ name: "tmp", emptyDir: {} }], [{ name: "files", image: { reference: "good" } }]),
  ),
  securityContext: maybe(fc.constantFrom({}, { runAsNonRoot: true, fsGroup: 2000 })),
  annotations: maybe(annotations),
  extra: fc.constantFrom({}, { serviceAccountName: "web" }, { hostNetwork: false }, { shareProcessNamespace: false }),
});

function podFrom({
  containers: main,
  initContainers,
  volumes,
  securityContext,
  annotations: own,
  extra,
}: typeof POD extends fc.Arbitrary<infer T> ? T : never): Pod {
  const named = <T extends { readonly image: "good" | "bundle" }>(one: T) => ({
    ...one,
    image: shop.images[one.image],
  });
  const spec = {
    ...extra,
    containers: main.map(named),
    initContainers: initContainers?.map(named),
    volumes: volumes?.map((one) => ("image" in one ? { ...one, image: { reference: shop.images.good } } : one)),
    securityContext,
  };
  return JSON.parse(JSON.stringify(pod("", spec, { annotations: own }))) as Pod;
}

async function mutated(object: Pod): Promise<Pod> {
  const copy = structuredClone(object);
  const problems = applyPatch(copy, operationsOf(await webhook.mutate(object))).filter((problem) => problem !== null);
  expect(problems).toEqual([]);
  return copy;
}

describe("what /mutate makes of a pod that may run", () => {
  it("validates, and is not changed again", async () => {
    await fc.assert(
      fc.asyncProperty(POD, async (shape) => {
        const object = await mutated(podFrom(shape));
        const answer = await webhook.validate(object);
        expect([answer.allowed, answer.status?.message]).toEqual([true, undefined]);
        expect(operationsOf(await webhook.mutate(object))).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it("validates as the API server gives it back: with defaults, and after another webhook's turn", async () => {
    await fc.assert(
      fc.asyncProperty(POD, async (shape) => {
        const once = await mutated(podFrom(shape));
        const touched = {
          ...once,
          metadata: {
            ...once.metadata,
            annotations: { ...(once.metadata["annotations"] as object), "other.example/seen": "yes" },
          },
        };
        const twice = await mutated(touched);
        const answer = await webhook.validate(twice);
        expect([answer.allowed, answer.status?.message]).toEqual([true, undefined]);
      }),
      { numRuns: RUNS / 2 },
    );
  });

  it("runs only images by digest", async () => {
    await fc.assert(
      fc.asyncProperty(POD, async (shape) => {
        const { spec } = await mutated(podFrom(shape));
        const images = JSON.stringify(spec).match(/"(?:image|reference)":"[^"]+"/g) ?? [];
        expect(images.filter((image) => !/@sha256:[0-9a-f]{64}"$/.test(image))).toEqual([]);
      }),
      { numRuns: RUNS / 2 },
    );
  });
});

describe("what /mutate makes of any other pod", () => {
  it("is a patch that applies, and never one that makes a refused pod run", async () => {
    const bad = fc.constantFrom("unsigned" as const, "vulnerable" as const, "stranger" as const);
    await fc.assert(
      fc.asyncProperty(POD, bad, async (shape, name) => {
        const object = podFrom(shape);
        const list = object.spec["containers"] as object[];
        const worse = {
          ...object,
          spec: { ...object.spec, containers: [...list, { name: "bad", image: shop.images[name] }] },
        };
        expect((await webhook.validate(await mutated(worse))).allowed).toBe(false);
      }),
      { numRuns: RUNS / 2 },
    );
  });
});
