import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { renderVerdict } from "../../admission/answer/render.ts";
import { refuse } from "../../admission/answer/respond.ts";
import type { EvidenceSource } from "../../admission/evidence.ts";
import { type GateDeps, gate } from "../../admission/gate.ts";
import { isAdmitted } from "../../admission/judge.ts";
import type { ReviewRequest } from "../../admission/review.ts";
import { HOUR_MS } from "../../core/base/clock.ts";
import { CodedError } from "../../core/base/errors.ts";
import type { Digest, ImageEvidence, ScanResult, Signature, Verified } from "../../core/policy/evidence.ts";
import { imagePolicy } from "../support/image-policy.ts";
import { reviewOf } from "./support/review.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const key = (body: string) => `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`;

const SPEC = {
  match: { images: ["ghcr.io/acme/*"] },
  authorities: [
    { name: "acme-release", role: "release", key: key("AAAA") },
    { name: "acme-scanner", role: "scanner", key: key("BBBB") },
  ],
  signatures: { require: "any" },
  scan: { maxAge: "7d", refuse: ["critical"] },
  pods: { podSecurity: "baseline" },
};
const POLICY = imagePolicy(SPEC);

const signature = {
  signer: "acme-release",
  role: "release",
  form: "bundle-v0.3",
  digest: DIGEST,
} as Verified<Signature>;
const scan = {
  digest: DIGEST,
  source: "attestation by acme-scanner",
  finishedAtMs: NOW - HOUR_MS,
  findings: [],
} as unknown as Verified<ScanResult>;
const found = <T>(value: T) => ({ kind: "found", value }) as const;
const failed = { kind: "failed", cause: new CodedError("REGISTRY_TIMEOUT", "ghcr.io: no answer", "retry") } as const;
const absent = { kind: "absent", why: "nothing" } as const;

/** All that is known of a good image; a bad one has a name of its own. */
function evidenceOf(text: string): ImageEvidence {
  const good = { digest: found(DIGEST), signatures: found([signature]), scan: found(scan) };
  const bad = text.includes("/bad") ? { signatures: absent } : {};
  return { reference: text, name: text.split("@")[0] ?? text, ...good, ...bad } as ImageEvidence;
}

const source = (change: (evidence: ImageEvidence) => ImageEvidence = (evidence) => evidence): EvidenceSource => ({
  collect: async ({ text }) => change(evidenceOf(text)),
});

const deps = (images = source()): GateDeps => ({
  policies: () => [POLICY],
  namespaceLabels: () => ({}),
  sources: { images, rego: { run: () => Promise.reject(new Error("no rule asked for")) } },
  clock: () => NOW,
});

const GOOD = `ghcr.io/acme/web@${DIGEST}`;
const BAD = `ghcr.io/acme/bad@${DIGEST}`;
const review = (spec: object, more: Partial<ReviewRequest> = {}) => reviewOf({ metadata: {}, spec }, more);
const spec = (...images: string[]) => ({ containers: images.map((image) => ({ name: "c", image })) });
const judge = (request: ReviewRequest, given = deps(), pinned = true) =>
  gate(request, given, pinned, AbortSignal.timeout(5000));

describe("the gate admits", () => {
  it("a pod whose every image has every piece of evidence", async () => {
    expect(renderVerdict(await judge(review(spec(GOOD, GOOD))))).toMatch(
      /^admitted {2}Pod shop\/web {2}\(2 of 2 images pass\)/,
    );
  });
});

describe("removing one piece of evidence from an admitted pod", () => {
  const cases: [given: string, change: Partial<ImageEvidence>][] = [
    ["the digest", { digest: absent }],
    ["the digest, not found out", { digest: failed }],
    ["the signatures", { signatures: absent }],
    ["the signatures, not found out", { signatures: failed }],
    ["all signers", { signatures: found([]) }],
    ["the scan", { scan: absent }],
    ["the scan, not found out", { scan: failed }],
    ["the scan of this digest", { scan: found({ ...scan, digest: `sha256:${"77".repeat(32)}` as Digest }) }],
  ];
  it.each(cases)("%s refuses it", async (_, change) => {
    const verdict = await judge(review(spec(GOOD)), deps(source((evidence) => ({ ...evidence, ...change }))));
    expect(isAdmitted(verdict)).toBe(false);
    expect(renderVerdict(verdict)).toMatch(/\n +fix: /);
  });

  it("the policy refuses it", async () => {
    expect(isAdmitted(await judge(review(spec(GOOD)), { ...deps(), policies: () => [] }))).toBe(false);
  });
});

describe("adding an image to a refused pod", () => {
  it("never admits it, wherever it is added", async () => {
    const list = fc.constantFrom("containers", "initContainers", "ephemeralContainers");
    const places = fc.array(fc.tuple(list, fc.constantFrom(GOOD, BAD)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(places, async (added) => {
        const built: Record<string, object[]> = { containers: [{ name: "c", image: BAD }] };
        for (const [name, image] of added) built[name] = [...(built[name] ?? []), { name: "x", image }];
        expect(isAdmitted(await judge(review(built)))).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe("an error on the way", () => {
  it.each([
    ["of the source of evidence", deps({ collect: () => Promise.reject(new Error("broken pipe")) })],
    [
      "of the policies",
      {
        ...deps(),
        policies: () => {
          throw new Error("broken pipe");
        },
      },
    ],
  ])("%s is a refusal that says so, never an admission", async (_, given) => {
    const request = review(spec(GOOD));
    const verdict = await judge(request, given).catch((thrown: unknown) => refuse(request, thrown));
    expect(isAdmitted(verdict)).toBe(false);
    expect(renderVerdict(verdict)).toContain("broken pipe");
  });
});

describe("an image that was judged before it was changed", () => {
  it("is judged by the stored object, not by what the new one says of itself", async () => {
    const old = { metadata: {}, spec: spec(GOOD) };
    const request = review(spec(BAD), { operation: "UPDATE", oldObject: old });
    expect(isAdmitted(await judge(request))).toBe(false);
  });

  it("and is the same image in whichever list and place it is now", async () => {
    const moved = { initContainers: [{ image: GOOD }], containers: [{ image: BAD }, { image: GOOD }] };
    const request = review(moved, { operation: "UPDATE", oldObject: { metadata: {}, spec: spec(GOOD, BAD) } });
    expect(isAdmitted(await judge(request))).toBe(true);
  });

  it("and a new one is judged among those that only moved", async () => {
    const moved = { containers: [{ image: BAD }, { image: GOOD }] };
    const request = review(moved, { operation: "UPDATE", oldObject: { metadata: {}, spec: spec(GOOD) } });
    expect(renderVerdict(await judge(request))).toMatch(/deny +spec\.containers\[0\]\.image/);
  });
});

describe("a rule that could not be evaluated", () => {
  it("refuses, and is named", async () => {
    const policy = imagePolicy({ ...SPEC, scan: undefined, pods: { rego: [{ library: "required-labels" }] } });
    const verdict = await judge(review(spec(GOOD)), { ...deps(), policies: () => [policy] });
    expect(isAdmitted(verdict)).toBe(false);
    expect(renderVerdict(verdict)).toMatch(
      /undecided +\(object\) +rego required-labels\n +INTERNAL: .*no rule asked for/,
    );
  });
});
