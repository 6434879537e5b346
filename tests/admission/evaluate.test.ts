import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { outcomeOf, violationsOf } from "../../admission/answer/outcome.ts";
import { renderVerdict, warningLines } from "../../admission/answer/render.ts";
import { respond } from "../../admission/answer/respond.ts";
import type { Evidence } from "../../admission/evidence.ts";
import { ask } from "../../admission/gate.ts";
import { admissionOf, evaluate, isAdmitted, type Question } from "../../admission/judge.ts";
import type { ReviewRequest } from "../../admission/review.ts";
import type { World } from "../../admission/rules.ts";
import { DAY_MS } from "../../core/base/clock.ts";
import { CodedError } from "../../core/base/errors.ts";
import type { Digest, ImageEvidence, Signature, Verified } from "../../core/policy/evidence.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import { imagePolicy } from "../support/image-policy.ts";
import { reviewOf } from "./support/review.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
const SPEC = {
  match: { images: ["ghcr.io/acme/**"] },
  authorities: [{ name: "release", role: "release", key: KEY }],
  signatures: { require: "any", maxAge: "30d" },
};
const PRODUCTION = imagePolicy(SPEC);
const named = (name: string, spec: object) => imagePolicy({ ...SPEC, ...spec }, new Map(), name);

const web = `ghcr.io/acme/web@${DIGEST}`;
const api = `ghcr.io/acme/api@${DIGEST}`;
const found = <T>(value: T) => ({ kind: "found", value }) as const;
const failed = { kind: "failed", cause: new CodedError("REGISTRY_TIMEOUT", "ghcr.io: no answer", "retry") } as const;

/** Signed so long ago; 1 day unless told. */
const signedAgo = (ageMs = DAY_MS): Pick<ImageEvidence, "signatures"> => ({
  signatures: found([
    {
      signer: "release",
      role: "release",
      form: "bundle-v0.3",
      digest: DIGEST,
      signedAtMs: NOW - ageMs,
    } as Verified<Signature>,
  ]),
});
const EXPIRED = signedAgo(400 * DAY_MS);

function gathered({ rules }: Question, more: Partial<ImageEvidence>): Evidence {
  const evidence = (reference: string): ImageEvidence => ({
    reference,
    digest: found(DIGEST),
    ...signedAgo(),
    scan: failed,
    ...more,
  });
  const entries = rules.images.map(
    ({ image, policies }) =>
      [image.pointer, policies.map((policy) => ({ policy, evidence: evidence(image.reference) }))] as const,
  );
  return { images: new Map(entries), rego: [] };
}

const WORLD: World = { policies: [PRODUCTION], namespaceLabels: {} };
const containers = (...images: string[]) => images.map((image, n) => ({ name: `c${n}`, image }));
const podOf = (spec: object, metadata: object = {}) => ({ kind: "Pod", metadata, spec });
const update = (oldObject: object, object: object, more: Partial<ReviewRequest> = {}) =>
  reviewOf(object, { operation: "UPDATE", oldObject: { ...oldObject }, ...more });

function judge(
  request: ReviewRequest,
  world: Partial<World> = {},
  evidence: Partial<ImageEvidence> = {},
  running?: Set<Digest>,
) {
  const question = ask(request, { ...WORLD, ...world });
  const options = { nowMs: NOW, pinned: true, ...(running === undefined ? {} : { running }) };
  return evaluate(question, gathered(question, evidence), options);
}
const admitted = (...given: Parameters<typeof judge>) => isAdmitted(judge(...given));

describe("the answer to the API server", () => {
  const pod = reviewOf(podOf({ containers: containers(web) }));
  it("allows an object that has leave, and says on what grounds", () => {
    const answer = respond("1", judge(pod));
    expect(answer.allowed).toBe(true);
    expect(answer.auditAnnotations?.["grounds"]).toBe("/spec/containers/0/image: evidence (ImagePolicy production)");
  });

  it("tells the audit log what a policy in the mode audit found", () => {
    const { allowed, warnings, auditAnnotations } = respond(
      "1",
      judge(pod, { policies: [named("a", { mode: "audit" })] }, EXPIRED),
    );
    expect([allowed, warnings]).toEqual([true, undefined]);
    expect(auditAnnotations?.["violations"]).toBe(
      "IMG_SIGNATURE_STALE at spec.containers[0].image (ImagePolicy a, audit)",
    );
  });

  it("refuses one whose parts all agree, where one of its images has no part", () => {
    const { parts, ...verdict } = judge(pod);
    expect(respond("1", { ...verdict, parts }).allowed).toBe(true);
    expect(respond("1", { ...verdict, parts: [] }).allowed).toBe(false);
  });
});

describe("the same question, evidence and time", () => {
  it("have the same answer", () => {
    const images = fc.array(fc.constantFrom(web, api, "ghcr.io/other/x", "UPPER"), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(images, fc.boolean(), (list, expired) => {
        const verdict = () => judge(reviewOf(podOf({ containers: containers(...list) })), {}, expired ? EXPIRED : {});
        expect(JSON.stringify(verdict().parts)).toBe(JSON.stringify(verdict().parts));
        expect(isAdmitted(verdict())).toBe(!expired && list.every((image) => image === web || image === api));
      }),
    );
  });
});

describe("evidence that somebody forgot", () => {
  const question = ask(reviewOf(podOf({ containers: containers(web, api) })), WORLD);
  const all = gathered(question, {});
  const answer = (evidence: Evidence, { rules } = question) =>
    evaluate({ ...question, rules }, evidence, { nowMs: NOW, pinned: true });

  it("of nothing, admits, on grounds for every image", () => {
    const grounds = admissionOf(answer(all))?.grounds;
    expect([...(grounds?.keys() ?? [])]).toEqual(["/spec/containers/0/image", "/spec/containers/1/image"]);
    expect([...(grounds?.values() ?? [])].flat().map(({ kind }) => kind)).toEqual(["evidence", "evidence"]);
  });

  it("of one image, refuses and says so", () => {
    const less = new Map([...all.images].slice(0, 1));
    const verdict = answer({ ...all, images: less });
    expect(isAdmitted(verdict)).toBe(false);
    expect(renderVerdict(verdict)).toMatch(/undecided spec\.containers\[1\]\.image .*\n +IMG_NOT_GATHERED/);
  });

  it("of one policy, refuses, though another policy's is there", () => {
    const other = named("other", {});
    const images = new Map([...all.images].map(([at, list]) => [at, list.map((one) => ({ ...one, policy: other }))]));
    expect(isAdmitted(answer({ ...all, images }))).toBe(false);
  });

  it("of one image's rule itself, refuses without knowing why", () => {
    const verdict = answer(all, {
      ...question,
      rules: { ...question.rules, images: question.rules.images.slice(0, 1) },
    });
    expect(isAdmitted(verdict)).toBe(false);
  });

  it("of a part that warns, refuses too", () => {
    const warned = ask(reviewOf(podOf({ containers: containers(web) })), {
      ...WORLD,
      policies: [named("w", { mode: "warn" })],
    });
    expect(isAdmitted(evaluate(warned, { images: new Map(), rego: [] }, { nowMs: NOW, pinned: true }))).toBe(false);
  });
});

describe("an update passes on evidence that has expired when it", () => {
  const old = podOf(
    { containers: containers(web, api), tolerations: [] },
    { labels: { app: "web" }, finalizers: ["a/b"] },
  );
  const deployment = (template: object, more: object = {}) => ({
    kind: "Deployment",
    metadata: {},
    spec: { replicas: 1, ...more, template },
  });
  const apps = { group: "apps", kind: "Deployment" };
  const cases: [when: string, request: ReviewRequest][] = [
    ["only removes a finalizer", update(old, { ...old, metadata: { labels: { app: "web" } } })],
    ["changes labels that no policy selects on", update(old, { ...old, metadata: { labels: { app: "db", x: "y" } } })],
    ["scales", update(deployment(old), deployment(old, { replicas: 9 }), apps)],
    ["changes the order of containers", update(old, podOf({ containers: containers(api, web) }))],
    [
      "moves an image to another list",
      update(old, podOf({ initContainers: containers(api), containers: containers(web) })),
    ],
    ["drops a container", update(old, podOf({ containers: containers(web) }))],
    ["names an image twice", update(old, podOf({ containers: containers(web, web, api) }))],
    [
      "resizes",
      update(
        old,
        podOf({ containers: containers(web, api).map((one) => ({ ...one, resources: { limits: { cpu: "2" } } })) }),
        { subResource: "resize" },
      ),
    ],
    ["adds a toleration", update(old, podOf({ containers: containers(web, api), tolerations: [{ key: "k" }] }))],
  ];
  it.each(cases)("%s", (_, request) => {
    expect(admitted(request, {}, EXPIRED)).toBe(true);
    expect(admitted(request, {}, { signatures: failed })).toBe(true);
  });

  it("touches an object that is being deleted, whatever it changes", () => {
    const deleted = podOf({ containers: containers(web) }, { deletionTimestamp: "2026-11-21T11:00:00Z" });
    expect(admitted(update(deleted, podOf({ containers: containers("UPPER") })), {}, EXPIRED)).toBe(true);
  });
});

describe("an update is judged when it", () => {
  const old = podOf({ containers: containers(web) }, { labels: { app: "web" } });
  const two = `ghcr.io/acme/two@${DIGEST}`;
  const cases: [when: string, request: ReviewRequest][] = [
    ["brings a new image", update(old, podOf({ containers: containers(two) }))],
    ["brings a new image among old ones", update(old, podOf({ containers: containers(two, web) }))],
    [
      "adds an ephemeral container",
      update(old, podOf({ containers: containers(web), ephemeralContainers: containers(two) }), {
        subResource: "ephemeralcontainers",
      }),
    ],
    [
      "adds an image volume",
      update(old, podOf({ containers: containers(web), volumes: [{ name: "v", image: { reference: two } }] })),
    ],
    ["names the old image by another text", update(old, podOf({ containers: containers("ghcr.io/acme/web:1") }))],
    [
      "only says of itself that it is being deleted",
      update(old, podOf({ containers: containers(two) }, { deletionTimestamp: "2026-11-21T11:00:00Z" })),
    ],
    [
      "follows a stored object that cannot be read",
      update(podOf({ containers: "none" }), podOf({ containers: containers(web) })),
    ],
    [
      "follows a stored object without a pod",
      update(
        { kind: "Thing", spec: {} },
        { kind: "Thing", spec: { containers: containers(web) } },
        { group: "x", kind: "Thing" },
      ),
    ],
  ];
  it.each(cases)("%s", (_, request) => {
    expect(admitted(request, {}, EXPIRED)).toBe(false);
  });

  it("changes labels that a policy selects on: into it, out of it, and from one to another", () => {
    const strict = named("strict", {
      match: { images: ["ghcr.io/acme/**"], labels: { matchLabels: { tier: "prod" } } },
    });
    const loose = named("loose", {
      signatures: undefined,
      match: { images: ["**"], labels: { matchLabels: { tier: "dev" } } },
    });
    const relabel = (from: object, to: object, policies: readonly ImagePolicy[]) =>
      judge(
        update(
          podOf({ containers: containers(web) }, { labels: from }),
          podOf({ containers: containers(web) }, { labels: to }),
        ),
        { policies },
        EXPIRED,
      );
    expect(isAdmitted(relabel({ tier: "dev" }, { tier: "prod" }, [strict, loose]))).toBe(false);
    expect(isAdmitted(relabel({ tier: "prod" }, { tier: "dev" }, [strict, loose]))).toBe(true);
    expect(renderVerdict(relabel({ tier: "prod" }, {}, [strict]))).toContain("IMG_NO_POLICY");
    expect(isAdmitted(relabel({ tier: "prod", a: "1" }, { tier: "prod", a: "2" }, [strict, loose]))).toBe(true);
  });

  it("changes what a Pod Security level looks at, though every image stays", () => {
    const baseline = named("baseline", { pods: { podSecurity: "baseline" } });
    const host = podOf({ containers: containers(web), hostNetwork: true });
    expect(admitted(update(old, host), { policies: [baseline] }, EXPIRED)).toBe(false);
    const resized = podOf({ ...host.spec, containers: containers(web).map((one) => ({ ...one, resources: {} })) });
    expect(admitted(update(host, resized), { policies: [baseline] }, EXPIRED)).toBe(true);
  });
});

describe("a namespace whose labels are not known", () => {
  const pod = reviewOf(podOf({ containers: containers(web) }));

  it("leaves a new pod undecided, as its level is not known", () => {
    const verdict = judge(pod, { namespaceLabels: undefined });
    expect(isAdmitted(verdict)).toBe(false);
    expect(renderVerdict(verdict)).toMatch(/undecided metadata\.namespace .*\n +NAMESPACE_UNKNOWN: namespace shop/);
  });

  it("is not the same as one without labels", () => expect(admitted(pod, { namespaceLabels: {} })).toBe(true));

  it("does not hinder an update that no rule about labels has a say in", () => {
    const request = update(
      podOf({ containers: containers(web) }),
      podOf({ containers: containers(web) }, { labels: { a: "b" } }),
    );
    expect(admitted(request, { namespaceLabels: undefined })).toBe(true);
    const selecting = named("s", { match: { images: ["**"], namespaceSelector: { matchLabels: { a: "b" } } } });
    expect(admitted(request, { namespaceLabels: undefined, policies: [selecting] })).toBe(false);
  });

  it("is nothing to an object that lives in none", () => {
    const thing = reviewOf(
      { kind: "Thing", spec: { containers: containers(web) } },
      { group: "x", kind: "Thing", namespace: "" },
    );
    expect(admitted(thing, { namespaceLabels: undefined })).toBe(true);
  });
});

describe("a namespace's mode", () => {
  const modes = [{ namespaceSelector: { matchLabels: { "outrider.dev/mode": "warn" } }, mode: "warn" }];
  const policies = [named("p", { modes })];
  const pod = reviewOf(podOf({ containers: containers(web) }));

  it("turns a refusal into a warning there, and nowhere else", () => {
    const warned = judge(pod, { policies, namespaceLabels: { "outrider.dev/mode": "warn" } }, EXPIRED);
    expect(outcomeOf(warned)).toBe("warn");
    expect(warningLines(warned).join()).toContain("IMG_SIGNATURE_STALE");
    expect(outcomeOf(judge(pod, { policies }, EXPIRED))).toBe("deny");
  });
});

describe("what could not be looked up", () => {
  const pod = reviewOf(podOf({ containers: containers(web) }));
  const audited = [named("p", { onUndecided: "allow-audited" })];

  it("is refused, and its cause is the reason that is counted", () => {
    const verdict = judge(pod, {}, { signatures: failed });
    expect(outcomeOf(verdict)).toBe("undecided");
    expect(violationsOf(verdict).map(({ violation }) => violation.code)).toEqual(["REGISTRY_TIMEOUT"]);
  });

  it("is admitted where the policy says so, told to the client and on the record", () => {
    const verdict = judge(pod, { policies: audited }, { signatures: failed });
    expect(outcomeOf(verdict)).toBe("warn");
    expect(warningLines(verdict).join()).toContain("EVIDENCE_UNKNOWN: found ghcr.io: no answer");
    expect(violationsOf(verdict).map(({ violation }) => violation.code)).toEqual(["EVIDENCE_UNKNOWN"]);
  });

  it("does not admit what is certainly wrong", () => {
    expect(admitted(pod, { policies: audited }, EXPIRED)).toBe(false);
  });
});

describe("an old signature", () => {
  const pod = reviewOf(podOf({ containers: containers(web) }));
  it("refuses a roll-back, and lets what runs here start again with a warning", () => {
    expect(admitted(pod, {}, EXPIRED)).toBe(false);
    const again = judge(pod, {}, EXPIRED, new Set([DIGEST]));
    expect([isAdmitted(again), outcomeOf(again)]).toEqual([true, "warn"]);
  });
});
