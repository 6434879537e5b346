import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type ImagePlace, objectWith, randomKind, randomPlace, type Shape } from "../support/random-objects.ts";
import { openShop, pod, policySpec, type Shop, startWebhook, type Webhook } from "../support/webhook.ts";

const RUNS = Number(process.env["OUTRIDER_RUNS"] ?? 40);

let shop: Shop;
let webhook: Webhook;
/** By digest, as Pods must name them once /mutate has had its turn. */
let good: string;
let bad: string[];

beforeAll(async () => {
  shop = await openShop();
  webhook = await startWebhook(shop, {
    policies: { production: { ...policySpec(shop), pods: { podSecurity: "baseline" } } },
  });
  const pinned = async (image: string) => {
    const { object } = await webhook.admit(pod(image));
    return (object.spec["containers"] as { image: string }[])[0]?.image ?? "";
  };
  good = await pinned(shop.images.good);
  bad = [
    await pinned(shop.images.unsigned),
    await pinned(shop.images.vulnerable),
    await pinned(shop.images.stranger),
    `ghcr.io/somebody/else@sha256:${"9f".repeat(32)}`,
    "UPPER/case",
    "",
  ];
});

afterAll(async () => {
  await webhook.close();
  await shop.registry.close();
});

interface World {
  readonly shape: Shape;
  readonly places: readonly ImagePlace[];
  readonly at: number;
}

const WORLD: fc.Arbitrary<World> = randomKind.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    places: fc.array(randomPlace(shape), { minLength: 1, maxLength: 5 }),
    at: fc.nat(),
  }),
);

const allowed = async (object: object, more: object = {}) => (await webhook.validate(object, more)).allowed;

describe("an object of any kind with images anywhere", () => {
  it("is admitted when each of them is signed and scanned", async () => {
    await fc.assert(
      fc.asyncProperty(WORLD, async ({ shape, places }) => {
        const object = objectWith(
          shape,
          good,
          places.map((place) => [place, good] as const),
        );
        expect([await allowed(object), JSON.stringify(object)]).toEqual([true, JSON.stringify(object)]);
      }),
      { numRuns: RUNS },
    );
  });

  it("is refused as soon as one of them is not, wherever that one stands", async () => {
    await fc.assert(
      fc.asyncProperty(WORLD, async ({ shape, places, at }) => {
        const wrong = bad[at % bad.length] ?? "";
        const object = objectWith(
          shape,
          good,
          places.map((place, index) => [place, index === at % places.length ? wrong : good] as const),
        );
        expect([await allowed(object), JSON.stringify(object)]).toEqual([false, JSON.stringify(object)]);
      }),
      { numRuns: RUNS },
    );
  });

  it("stays refused whatever good images are added to it", async () => {
    await fc.assert(
      fc.asyncProperty(WORLD, async ({ shape, places, at }) => {
        const wrong = bad[at % bad.length] ?? "";
        const object = objectWith(
          shape,
          wrong,
          places.map((place) => [place, good] as const),
        );
        expect([await allowed(object), JSON.stringify(object)]).toEqual([false, JSON.stringify(object)]);
      }),
      { numRuns: RUNS },
    );
  });

  it("is refused when an update adds one, and admitted when it adds a good one", async () => {
    await fc.assert(
      fc.asyncProperty(WORLD, fc.boolean(), async ({ shape, places, at }, isGood) => {
        const [last, ...before] = places.toReversed();
        if (last === undefined) return;
        const stored = before.map((place) => [place, good] as const);
        const added = isGood ? good : (bad[at % bad.length] ?? "");
        const oldObject = objectWith(shape, good, stored);
        const object = objectWith(shape, good, [...stored, [last, added]]);
        expect([await allowed(object, { operation: "UPDATE", oldObject }), JSON.stringify(object)]).toEqual([
          isGood,
          JSON.stringify(object),
        ]);
      }),
      { numRuns: RUNS },
    );
  });
});
