import { describe, expect, it } from "@jest/globals";
import { IDENTITIES_PER_AUTHORITY, IDENTITY_LIMIT_CHARS } from "../../../../core/policy/images/schema/authority.ts";
import {
  AUTHORITIES_PER_POLICY,
  GLOBS_PER_POLICY,
  KEY_LIMIT_CHARS,
  STORE_LIMIT_CHARS,
} from "../../../../core/policy/images/schema/fields.ts";
import {
  ATTESTATIONS_PER_POLICY,
  imagePolicySchema,
} from "../../../../core/policy/images/schema/image-policy-schema.ts";
import { REQUIREMENTS_LIMIT } from "../../../../core/policy/images/schema/selector.ts";
import { TRUSTED_ROOT_LIMIT_CHARS, trustRootSchema } from "../../../../core/policy/images/schema/trust-root.ts";

const key = (body: string) => `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`;
const numbered = (count: number) => Array.from({ length: count }, (_, n) => n);
const release = (n = 0) => ({ name: `release-${n}`, role: "release", key: key(`A${String(n).padStart(3, "0")}`) });
const keyless = (more: object) => ({
  name: "ci",
  role: "release",
  keyless: { issuer: "https://issuer.example", subject: "ci@example.com", trustRoot: "public-good", ...more },
});
const notary = (identities: readonly string[]) => ({
  name: "n",
  role: "release",
  notary: { trustRoot: "acme-ca", identities },
});

const head = { apiVersion: "outrider.dev/v1alpha1", metadata: { name: "p" } };
const problems = (spec: object) => {
  const document = { ...head, kind: "ImagePolicy", spec: { match: { images: ["ghcr.io/acme/*"] }, ...spec } };
  const result = imagePolicySchema.safeParse(document);
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
};
const authority = (one: object) => problems({ authorities: [one] }).join("\n");

describe("an authority is", () => {
  it.each<[string, object]>([
    ["a key", release()],
    ["an exact identity", keyless({})],
    ["a pattern of identities", keyless({ subject: undefined, subjectPattern: "https://github\\.com/acme/.+" })],
    ["a trust store's subjects", notary(["x509.subject: C=US, ST=WA, O=Acme"])],
    ["everybody of a trust store, said so", notary(["*"])],
  ])("%s", (_, one) => expect(authority(one)).toBe(""));

  it.each<[string, object, RegExp]>([
    ["recognised by nothing", { name: "a", role: "release" }, /exactly one of key, keyless, notary/],
    ["recognised in two ways", { ...release(), ...notary(["*"]) }, /exactly one of key, keyless, notary/],
    ["of an issuer said twice", keyless({ issuerPattern: "x+" }), /one of issuer, issuerPattern/],
    ["of no issuer", keyless({ issuer: undefined }), /one of issuer, issuerPattern/],
    ["of no subject", keyless({ subject: undefined }), /one of subject, subjectPattern/],
    ["anybody, by a pattern of nothing", keyless({ subject: undefined, subjectPattern: ".*" }), /names nobody/],
    [
      "a pattern that steps out of its anchors",
      keyless({ subject: undefined, subjectPattern: "a)|(b" }),
      /regular expression/,
    ],
    ["nobody of a trust store", notary([]), /identities/],
    ["a subject without its type", notary(["CN=web"]), /x509\.subject/],
    ["of a role that there is not", { ...release(), role: "root" }, /role/],
    [
      "a certificate where a key belongs",
      { ...release(), key: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" },
      /PEM public key/,
    ],
  ])("never %s", (_, one, says) => expect(authority(one)).toMatch(says));
});

describe("a rule that could never be met is refused", () => {
  const authorities = [
    release(),
    { name: "boss", role: "approver", key: key("BBBB") },
    { name: "ci", role: "builder", key: key("CCCC") },
  ];
  const provenance = { predicateType: "slsa-provenance", require: "any" };
  it.each<[string, object, RegExp]>([
    [
      "more attesters than there are",
      { attestations: [{ ...provenance, require: { atLeast: 2 } }] },
      /attestations\.0\.require: wants 2 signers, found 1/,
    ],
    [
      "a scan's attestation without a scanner",
      { attestations: [{ predicateType: "vuln", require: "any" }] },
      /wants 1 signers, found 0/,
    ],
    [
      "a type by URI that says nothing of whose",
      { attestations: [{ predicateType: "https://a.example/t/v1", require: "any" }] },
      /found 0 authorities/,
    ],
    [
      "an authority that is not named",
      { attestations: [{ ...provenance, by: ["nobody"] }] },
      /by\.0: no authority of this policy, which names release-0, boss, ci/,
    ],
    [
      "a role that none of those named has",
      { attestations: [{ ...provenance, by: ["ci"], role: "scanner" }] },
      /found 0 authorities/,
    ],
    [
      "an approval by who is no approver",
      { approvals: { require: "any", by: ["release-0"] } },
      /approvals\.require: wants 1 approvers, found 0/,
    ],
    [
      "a type that is neither a name nor a URI",
      { attestations: [{ ...provenance, predicateType: "provenance" }] },
      /slsa-provenance, spdx, cyclonedx, vuln or a URI/,
    ],
    ["a deny list of nothing", { deny: {} }, /at least one digest or image glob/],
    ["a digest that is none", { deny: { digests: ["sha256:AA"] } }, /64 lower-case hex/],
    [
      "a minimum version that is none",
      { minimumVersions: [{ image: "a/b", version: "1.4" }] },
      /a version such as 1\.4\.0/,
    ],
    [
      "one identity in two roles",
      { authorities: [keyless({}), { ...keyless({}), name: "other", role: "builder" }] },
      /same as authorities\[0\]\.keyless/,
    ],
  ])("%s", (_, spec, says) => expect(problems({ authorities, ...spec }).join("\n")).toMatch(says));

  it("and what could be is not", () => {
    const attestations = [
      { ...provenance, role: "builder", maxAge: "30d" },
      { predicateType: "spdx", by: ["release-0"], require: "all" },
    ];
    expect(
      problems({ authorities, attestations, approvals: { require: "any" }, onUndecided: "allow-audited" }),
    ).toEqual([]);
  });
});

describe("a policy is bounded", () => {
  const labels = (count: number) => ({
    match: {
      images: ["a/b"],
      labels: { matchExpressions: numbered(count).map((n) => ({ key: `k${n}`, operator: "Exists" })) },
    },
  });
  const cases: [of: string, limit: number, spec: (count: number) => object][] = [
    ["authorities", AUTHORITIES_PER_POLICY, (count) => ({ authorities: numbered(count).map(release) })],
    ["globs", GLOBS_PER_POLICY, (count) => ({ match: { images: numbered(count).map((n) => `ghcr.io/a/r${n}`) } })],
    [
      "attestations",
      ATTESTATIONS_PER_POLICY,
      (count) => ({
        authorities: [release()],
        attestations: numbered(count).map(() => ({ predicateType: "spdx", by: ["release-0"], require: "any" })),
      }),
    ],
    ["requirements of a selector", REQUIREMENTS_LIMIT, labels],
    [
      "identities",
      IDENTITIES_PER_AUTHORITY,
      (count) => ({ authorities: [notary(numbered(count).map((n) => `x509.subject: C=US, ST=WA, O=O${n}`))] }),
    ],
    [
      "characters of an identity",
      IDENTITY_LIMIT_CHARS,
      (count) => ({ authorities: [keyless({ subject: "x".repeat(count) })] }),
    ],
    [
      "characters of a key",
      KEY_LIMIT_CHARS,
      (count) => ({ authorities: [{ ...release(), key: key("A".repeat(count - key("").length)) }] }),
    ],
  ];
  it.each(cases)("in %s: %i", (_, limit, spec) => {
    expect(problems(spec(limit))).toEqual([]);
    expect(problems(spec(limit + 1))).not.toEqual([]);
  });

  it("and so is a trust root", () => {
    const root = (spec: object) => trustRootSchema.safeParse({ ...head, kind: "TrustRoot", spec }).success;
    const store = (chars: number) => {
      const around = "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----".length;
      return {
        notary: {
          certificates: `-----BEGIN CERTIFICATE-----\n${"A".repeat(chars - around)}\n-----END CERTIFICATE-----`,
        },
      };
    };
    const type = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
    const trusted = (chars: number) => {
      const text = JSON.stringify({ mediaType: type, pad: "" });
      return { sigstore: { trustedRoot: text.replace('""', `"${"x".repeat(chars - text.length)}"`) } };
    };
    expect([root(store(STORE_LIMIT_CHARS)), root(store(STORE_LIMIT_CHARS + 1))]).toEqual([true, false]);
    expect([root(trusted(TRUSTED_ROOT_LIMIT_CHARS)), root(trusted(TRUSTED_ROOT_LIMIT_CHARS + 1))]).toEqual([
      true,
      false,
    ]);
  });

  it("and certificates are taken out of what tools write between them", () => {
    const noted = "# Acme CA\nsubject=CN = Acme\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const result = trustRootSchema.parse({ ...head, kind: "TrustRoot", spec: { notary: { certificates: noted } } });
    expect(result.spec.notary?.certificates).toBe("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----");
  });
});
