import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { renderVerdict } from "../../../admission/answer/render.ts";
import { type GateDeps, gate } from "../../../admission/gate.ts";
import { isAdmitted } from "../../../admission/judge.ts";
import {
  allItems,
  CASE,
  type Case,
  evidenceFrom,
  type Item,
  NOW_MS,
  policyOf,
  referenceOf,
  spoils,
  spoilt,
} from "../support/evidence-cases.ts";
import { reviewOf } from "../support/review.ts";

const RUNS = Number(process.env["OUTRIDER_RUNS"] ?? 25);

const review = (one: Case) =>
  reviewOf({
    metadata: {},
    spec: { containers: one.images.map((digest) => ({ name: "c", image: referenceOf(digest) })) },
  });

function judge(one: Case, items: readonly Item[]) {
  const policy = policyOf(one);
  const deps: GateDeps = {
    policies: () => [policy],
    namespaceLabels: () => ({}),
    sources: {
      images: { collect: async ({ text }) => evidenceFrom(text, items) },
      rego: { run: () => Promise.reject(new Error("no rule asked for")) },
    },
    clock: () => NOW_MS,
  };
  return gate(review(one), deps, true, AbortSignal.timeout(5_000));
}

describe("an image whose evidence is just what its policy asks for", () => {
  it("is admitted", async () => {
    await fc.assert(
      fc.asyncProperty(CASE, async (one) => {
        const verdict = await judge(one, allItems(one));
        expect(renderVerdict(verdict)).toMatch(/^admitted/);
      }),
      { numRuns: RUNS },
    );
  });

  it("is refused without any one item of it, and told why", async () => {
    await fc.assert(
      fc.asyncProperty(CASE, async (one) => {
        const items = allItems(one);
        for (const missing of items) {
          const verdict = await judge(
            one,
            items.filter((item) => item !== missing),
          );
          expect([missing, isAdmitted(verdict)]).toEqual([missing, false]);
          expect(renderVerdict(verdict)).toMatch(/\n +fix: \S/);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("is refused with any one item of it changed: digest, signer, role, age, end", async () => {
    await fc.assert(
      fc.asyncProperty(CASE, async (one) => {
        const items = allItems(one);
        for (const [index, item] of items.entries()) {
          for (const how of spoils(one, item)) {
            const verdict = await judge(one, items.with(index, spoilt(item, how)));
            expect([item, how, isAdmitted(verdict)]).toEqual([item, how, false]);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("is refused without any one look-up", async () => {
    await fc.assert(
      fc.asyncProperty(CASE, async (one) => {
        const kinds = new Set(allItems(one).flatMap(({ kind }) => (kind === "failure" ? [] : [kind])));
        for (const kind of kinds) {
          const items: Item[] = [...allItems(one), { kind: "failure", of: kind, digest: one.images[0] ?? "sha256:" }];
          expect([kind, isAdmitted(await judge(one, items))]).toEqual([kind, false]);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("is admitted with more than that: other people's statements take nothing away", async () => {
    await fc.assert(
      fc.asyncProperty(CASE, fc.constantFrom("digest", "signer", "role", "ended"), async (one, how) => {
        const more = allItems(one).flatMap((item) =>
          item.kind === "digest" || item.kind === "scan" ? [] : [spoilt(item, how)],
        );
        expect(isAdmitted(await judge(one, [...more, ...allItems(one)]))).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });
});
