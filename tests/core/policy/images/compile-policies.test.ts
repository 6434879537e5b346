import { describe, expect, it } from "@jest/globals";
import { compilePolicies } from "../../../../core/policy/images/schema/compile-policies.ts";
import type { ImagePolicy } from "../../../../core/policy/images/schema/image-policy-schema.ts";
import {
  CONDITION_MESSAGE_LIMIT_CHARS,
  policyConditions,
  type StatusOf,
} from "../../../../core/policy/images/schema/policy-status.ts";
import { PUBLIC_GOOD } from "../../../../core/policy/images/schema/trust-root.ts";

const head = { apiVersion: "outrider.dev/v1alpha1" };
const KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
const TRUSTED_ROOT = { mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1", tlogs: [] };
const requires = { transparencyLog: 1, timestamps: 0, sct: 1 };
const builtIn = new Map([[PUBLIC_GOOD, { sigstore: { trustedRoot: TRUSTED_ROOT, requires } }]]);

const policy = (name: string, authority?: object) => ({
  ...head,
  kind: "ImagePolicy",
  metadata: { name },
  spec: {
    match: { images: ["ghcr.io/acme/*"] },
    authorities: [authority ?? { name: "release", role: "release", key: KEY }],
    signatures: { require: "any" },
  },
});
const keyless = (trustRoot: string) => ({
  name: "ci",
  role: "release",
  keyless: { issuer: "https://issuer.example", subject: "ci@example.com", trustRoot },
});
const notary = (trustRoot: string) => ({ name: "n", role: "release", notary: { trustRoot, identities: ["*"] } });
const root = (name: string, spec: object) => ({ ...head, kind: "TrustRoot", metadata: { name }, spec });
const NOTARY_ROOT = root("acme-ca", { notary: { certificates: CERTIFICATE } });

const compile = (values: readonly unknown[], check: (policy: ImagePolicy) => [] = () => []) =>
  compilePolicies(
    values.map((value, index) => ({ source: `${index}.yaml`, value })),
    { builtIn, check },
  );
const problems = (values: readonly unknown[]) =>
  compile(values).objects.flatMap(({ object, problems: found }) =>
    found.map(({ path, message }) => `${object.source} ${path}: ${message}`),
  );

describe("policies and trust roots compile together", () => {
  it("in any order, each authority with the root that it names", () => {
    const { policies } = compile([policy("b", notary("acme-ca")), NOTARY_ROOT, policy("a", keyless(PUBLIC_GOOD))]);
    expect(policies?.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
    expect(policies?.[0]?.spec.authorities).toMatchObject([{ keyless: { root: { trustedRoot: TRUSTED_ROOT } } }]);
    expect(policies?.[1]?.spec.authorities).toMatchObject([{ notary: { root: { certificates: CERTIFICATE } } }]);
  });

  it("with a trusted root as the text of its file", () => {
    const text = root("own", { sigstore: { trustedRoot: JSON.stringify(TRUSTED_ROOT) } });
    const { policies } = compile([text, policy("a", keyless("own"))]);
    expect(policies?.[0]?.spec.authorities).toMatchObject([
      { keyless: { root: { trustedRoot: TRUSTED_ROOT, requires } } },
    ]);
  });

  it("whatever the gate wrote into their status before", () => {
    expect(problems([{ ...policy("a"), status: { conditions: [] } }])).toEqual([]);
  });
});

describe("a set of policies is refused as a whole when", () => {
  const cases: [when: string, values: readonly unknown[], said: string[]][] = [
    [
      "a trust root is misspelt",
      [NOTARY_ROOT, policy("a", notary("acme-cb"))],
      [
        '1.yaml spec.authorities[0].notary.trustRoot: expected the name of a TrustRoot with spec.notary, found "acme-cb" (did you mean "acme-ca"?)',
      ],
    ],
    [
      "a trust root is of the other sort",
      [policy("a", notary(PUBLIC_GOOD))],
      [
        '0.yaml spec.authorities[0].notary.trustRoot: expected the name of a TrustRoot with spec.notary, and "public-good" has none',
      ],
    ],
    ["two policies have one name", [policy("a"), policy("a")], ["1.yaml ImagePolicy a: defined twice"]],
    ["two trust roots have one name", [NOTARY_ROOT, NOTARY_ROOT], ["1.yaml TrustRoot acme-ca: defined twice"]],
    [
      "a trust root takes the name of the one that ships",
      [root(PUBLIC_GOOD, { sigstore: { trustedRoot: TRUSTED_ROOT } })],
      ["0.yaml metadata.name: expected another name: TrustRoot public-good ships with Outrider"],
    ],
    [
      "a trust root is both",
      [root("x", { notary: { certificates: CERTIFICATE }, sigstore: { trustedRoot: TRUSTED_ROOT } })],
      ["0.yaml spec: expected one of sigstore, notary"],
    ],
    [
      "a trusted root is no JSON",
      [root("x", { sigstore: { trustedRoot: "{" } })],
      ["0.yaml spec.sigstore.trustedRoot: expected JSON, as trusted_root.json holds it"],
    ],
    [
      "a trusted root is another document",
      [root("x", { sigstore: { trustedRoot: { mediaType: "text/plain" } } })],
      [
        '0.yaml spec.sigstore.trustedRoot.mediaType: expected mediaType "application/vnd.dev.sigstore.trustedroot+json;version=0.1"',
      ],
    ],
    [
      "nothing would say when a certificate was used",
      [
        root("x", {
          sigstore: { trustedRoot: TRUSTED_ROOT, requires: { transparencyLog: 0, timestamps: 0, sct: 1 } },
        }),
      ],
      [
        "0.yaml spec.sigstore.requires.timestamps: expected a log entry or a timestamp: without either nothing says when a certificate was used",
      ],
    ],
    [
      "a kind is misspelt",
      [{ ...policy("a"), kind: "ImagePolicies" }],
      ['0.yaml kind: expected "ImagePolicy" or "TrustRoot"'],
    ],
  ];
  it.each(cases)("%s", (_, values, said) => {
    const found = problems(values);
    expect(found).toHaveLength(said.length);
    for (const [index, text] of said.entries()) expect(found[index]).toContain(text);
    expect(compile(values).policies).toBeUndefined();
  });

  it("several are, with every problem of every object at once", () => {
    const values = [policy("a", keyless("none")), { ...policy("b"), spec: { match: {} } }, policy("c")];
    expect(problems(values).map((text) => text.split(":")[0])).toEqual([
      "0.yaml spec.authorities[0].keyless.trustRoot",
      "1.yaml spec.match.images",
    ]);
  });
});

describe("the status of an object says", () => {
  const NOW = Date.parse("2026-11-21T12:00:00Z");
  const fresh: StatusOf = { generation: 3, previous: [] };
  const broken = policy("b", keyless("none"));
  const statusOf = (values: readonly unknown[], index: number, of: StatusOf = fresh) => {
    const { objects } = compile(values);
    const [object] = objects.slice(index);
    if (object === undefined) throw new Error("no such object");
    return policyConditions(object, objects, of, NOW);
  };

  it("that it was understood and is in force", () => {
    expect(statusOf([policy("a")], 0)).toEqual([
      {
        type: "Compiled",
        status: "True",
        reason: "Understood",
        message: "no problem found",
        observedGeneration: 3,
        lastTransitionTime: "2026-11-21T12:00:00Z",
      },
      {
        type: "Ready",
        status: "True",
        reason: "InForce",
        message: "the gate decides by this object",
        observedGeneration: 3,
        lastTransitionTime: "2026-11-21T12:00:00Z",
      },
    ]);
  });

  it("what is wrong with it", () => {
    expect(statusOf([policy("a"), broken], 1)).toMatchObject([
      {
        status: "False",
        reason: "Invalid",
        message: expect.stringMatching(/^spec\.authorities\[0\]\.keyless\.trustRoot: expected/),
      },
      { status: "False", reason: "Invalid" },
    ]);
  });

  it("which other object a sound one waits for", () => {
    expect(statusOf([policy("a"), broken], 0)).toMatchObject([
      { status: "True" },
      { status: "False", reason: "OtherInvalid", message: expect.stringContaining("1.yaml") },
    ]);
  });

  it("since when, which does not change while the status is the same", () => {
    const before = statusOf([policy("a")], 0).map((one) => ({ ...one, lastTransitionTime: "2026-01-01T00:00:00Z" }));
    const again = statusOf([policy("a")], 0, { generation: 4, previous: before });
    expect(again.map((one) => [one.lastTransitionTime, one.observedGeneration])).toEqual([
      ["2026-01-01T00:00:00Z", 4],
      ["2026-01-01T00:00:00Z", 4],
    ]);
    const [, ready] = statusOf([policy("a"), broken], 0, { generation: 4, previous: before });
    expect(ready.lastTransitionTime).toBe("2026-11-21T12:00:00Z");
  });

  it("a bounded part of very many problems", () => {
    const authorities = Array.from({ length: 32 }, (_, n) => ({ ...keyless("x".repeat(200)), name: `a${n}` }));
    const many = { ...policy("a"), spec: { ...policy("a").spec, authorities } };
    expect(statusOf([many], 0)[0].message.length).toBeLessThanOrEqual(CONDITION_MESSAGE_LIMIT_CHARS);
  });
});
