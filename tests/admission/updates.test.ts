import { describe, expect, it } from "@jest/globals";
import { violationsOf } from "../../admission/answer/outcome.ts";
import { type GateDeps, gate } from "../../admission/gate.ts";
import { isAdmitted } from "../../admission/judge.ts";
import type { ReviewRequest } from "../../admission/review.ts";
import type { Digest, Signature, Verified } from "../../core/policy/evidence.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import { imagePolicy } from "../support/image-policy.ts";
import { reviewOf } from "./support/review.ts";

const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
const named = (name: string, spec: object): ImagePolicy =>
  imagePolicy(
    {
      match: { images: ["ghcr.io/acme/**"] },
      authorities: [{ name: "release", role: "release", key: KEY }],
      signatures: { require: "any" },
      ...spec,
    },
    new Map(),
    name,
  );
const web = `ghcr.io/acme/web@${DIGEST}`;
const signature = { signer: "release", role: "release", form: "bundle-v0.3", digest: DIGEST } as Verified<Signature>;

/** Images are signed unless their name says otherwise. */
const SIGNED: GateDeps["sources"]["images"] = {
  collect: async ({ text }) => ({
    reference: text,
    digest: { kind: "found", value: DIGEST },
    signatures: text.includes("unsigned") ? { kind: "absent", why: "none" } : { kind: "found", value: [signature] },
    scan: { kind: "absent", why: "none" },
  }),
};

async function judge(request: ReviewRequest, policies: readonly ImagePolicy[] = [named("production", {})]) {
  const deps: GateDeps = {
    policies: () => policies,
    namespaceLabels: () => ({}),
    sources: { images: SIGNED, rego: { run: async () => [] } },
    clock: Date.now,
  };
  const verdict = await gate(request, deps, true, AbortSignal.timeout(60_000));
  return { admitted: isAdmitted(verdict), codes: violationsOf(verdict).map(({ violation }) => violation.code) };
}

const podOf = (spec: object, labels: object = {}) => ({ kind: "Pod", metadata: { labels }, spec });
const update = (oldObject: object, object: object, more: Partial<ReviewRequest> = {}) =>
  reviewOf(object, { operation: "UPDATE", oldObject: { ...oldObject }, ...more });

describe("labels that bring a stored pod under another policy", () => {
  const tier = (name: string, pods?: object) =>
    named(name, {
      match: { images: ["ghcr.io/acme/**"], labels: { matchLabels: { tier: name } } },
      ...(pods === undefined ? {} : { pods }),
    });
  const policies = [tier("dev"), tier("prod", { podSecurity: "baseline" })];
  const host = { hostNetwork: true, containers: [{ name: "web", image: web }] };
  const relabelled = (from: string, to: string, spec: object) =>
    judge(update(podOf(spec, { tier: from }), podOf(spec, { tier: to })), policies);

  it("have it judged by that policy's Pod Security level", async () => {
    const { admitted, codes } = await relabelled("dev", "prod", host);
    expect([admitted, codes]).toEqual([false, ["PSS_HOST_NAMESPACE"]]);
    expect(await relabelled("dev", "prod", { containers: host.containers })).toEqual({ admitted: true, codes: [] });
  });

  it("and those that bring it under none that asks for more leave it as it is", async () => {
    expect((await relabelled("prod", "dev", host)).admitted).toBe(true);
    expect((await relabelled("prod", "prod", host)).admitted).toBe(true);
  });
});

describe("an image that a stored pod has by a tag alone", () => {
  const old = "ghcr.io/acme/unsigned:1";
  const stored = podOf({ containers: [{ name: "web", image: old }] });
  const debugged = (image: string) =>
    update(
      stored,
      podOf({ containers: [{ name: "web", image: old }], ephemeralContainers: [{ name: "debug", image }] }),
      {
        subResource: "ephemeralcontainers",
      },
    );

  it("is judged in a new container, where the tag may mean something else by now", async () => {
    expect(await judge(debugged(old))).toEqual({ admitted: false, codes: ["IMG_NOT_PINNED", "IMG_UNSIGNED"] });
  });

  it("hinders no good container from joining", async () => {
    expect((await judge(debugged(web))).admitted).toBe(true);
  });
});

describe("an update of many pods in one object", () => {
  const PODS = 250;
  const thing = (pod: (index: number) => object) => ({
    kind: "Thing",
    spec: { pods: Array.from({ length: PODS }, (_, index) => ({ metadata: {}, spec: pod(index) })) },
  });
  const containers = [{ name: "web", image: web }];
  const ofThings = { group: "example.com", kind: "Thing" };

  it("looks at each pod a few times, however alike all are", async () => {
    let looks = 0;
    const alike = (word: string) =>
      thing(() => ({
        containers,
        get looked() {
          looks++;
          return word;
        },
      }));
    expect((await judge(update(alike("old"), alike("new"), ofThings))).admitted).toBe(true);
    expect(looks / PODS).toBeLessThan(20);
  });

  it("judges the one that has a new image", async () => {
    const later = thing((index) =>
      index === 17 ? { containers: [{ image: `ghcr.io/acme/unsigned@${DIGEST}` }] } : { containers },
    );
    expect(
      (
        await judge(
          update(
            thing(() => ({ containers })),
            later,
            ofThings,
          ),
        )
      ).codes,
    ).toEqual(["IMG_UNSIGNED"]);
  });
});
