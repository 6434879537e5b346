import { describe, expect, it } from "@jest/globals";
import { DAY_MS, HOUR_MS } from "../../../core/base/clock.ts";
import { CodedError } from "../../../core/base/errors.ts";
import { admits, type Decision } from "../../../core/policy/decision.ts";
import type { Digest, Finding, ImageEvidence, ScanResult, Signature, Verified } from "../../../core/policy/evidence.ts";
import {
  judgeImage,
  judgeInvalidReference,
  judgeUncovered,
  onUndecidedOf,
} from "../../../core/policy/images/image-policy.ts";
import { VULNERABILITIES_NAMED } from "../../../core/policy/images/image-scan.ts";
import { imagePolicySchema } from "../../../core/policy/images/schema/image-policy-schema.ts";
import { imagePolicy } from "../../support/image-policy.ts";

const NOW = Date.parse("2026-03-10T12:00:00Z");
const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const OTHER: Digest = `sha256:${"77".repeat(32)}`;
const PATH = "spec.containers[0].image";
const key = (body: string) => `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`;

/** Built here by hand because the judge is pure; outside of tests only the verifier makes these. */
const signature = (signer = "acme-release", more: Partial<Signature> = {}) =>
  ({ signer, role: "release", form: "bundle-v0.3", digest: DIGEST, ...more }) as Verified<Signature>;
const scan = (more: Partial<ScanResult> = {}) =>
  ({
    digest: DIGEST,
    source: "attestation by acme-scanner",
    finishedAtMs: NOW - 2 * HOUR_MS,
    findings: [],
    ...more,
  }) as unknown as Verified<ScanResult>;
const found = <T>(value: T) => ({ kind: "found", value }) as const;
const absent = (why: string) => ({ kind: "absent", why }) as const;
const failed = (code = "REGISTRY_TIMEOUT") =>
  ({ kind: "failed", cause: new CodedError(code, "ghcr.io: slow", "retry") }) as const;

const GOOD: ImageEvidence = {
  reference: `ghcr.io/acme/web:1@${DIGEST}`,
  name: "ghcr.io/acme/web",
  digest: found(DIGEST),
  signatures: found([signature()]),
  scan: found(scan()),
};

const RELEASES = [
  { name: "acme-release", role: "release", key: key("AAAA") },
  { name: "acme-second", role: "release", key: key("BBBB") },
];
const SPEC = {
  match: { images: ["ghcr.io/acme/*"] },
  authorities: [...RELEASES, { name: "acme-scanner", role: "scanner", key: key("CCCC") }],
  signatures: { require: "any" },
  scan: { maxAge: "7d", refuse: ["critical"] },
};
const policy = (spec: object = {}) => imagePolicy({ ...SPEC, ...spec });

const judge = (evidence: Partial<ImageEvidence>, spec: object = {}) =>
  judgeImage({ ...GOOD, ...evidence }, policy(spec), { path: PATH }, NOW).decision;
const codes = (decision: Decision) =>
  "violations" in decision ? decision.violations.map(({ code }) => code) : [decision.kind];
const critical: Finding = { id: "CVE-2026-1", severity: "critical", package: "pkg:apk/alpine/ssl@1" };

describe("an image is admitted", () => {
  const cases: [given: string, evidence: Partial<ImageEvidence>, spec?: object][] = [
    ["when it is pinned, signed and scanned", {}],
    [
      "when the policy asks for no signature and nobody signed",
      { signatures: absent("no signature") },
      { signatures: undefined },
    ],
    ["when the policy asks for no scan and nobody scanned", { scan: absent("no scan") }, { scan: undefined }],
    ["on the last millisecond of its scan's age", { scan: found(scan({ finishedAtMs: NOW - 7 * DAY_MS })) }],
    ["with a finding below what is refused", { scan: found(scan({ findings: [{ ...critical, severity: "high" }] })) }],
    [
      "with a critical finding nobody can fix, where only fixable ones count",
      { scan: found(scan({ findings: [critical] })) },
      { scan: { ...SPEC.scan, onlyFixable: true } },
    ],
    [
      "when all have signed",
      { signatures: found([signature(), signature("acme-second")]) },
      { signatures: { require: "all" } },
    ],
    ["when a look-up failed that the policy does not ask for", { scan: failed() }, { scan: undefined }],
    [
      "when a signature names this repository",
      { signatures: found([signature("acme-release", { repository: "ghcr.io/acme/web" })]) },
      { signatures: { require: "any", sameRepository: true } },
    ],
    ["by its tag, where digests need not be pinned", { reference: "ghcr.io/acme/web:1" }, { pinDigests: false }],
  ];
  it.each(cases.map(([given, ...rest]) => ({ given, rest })))("$given", ({ rest: [evidence, spec] }) =>
    expect(judge(evidence, spec)).toEqual({ kind: "allow" }),
  );

  it("by its tag, while the webhook has yet to pin it", () => {
    const place = { path: PATH, willBePinned: true };
    expect(judgeImage({ ...GOOD, reference: "ghcr.io/acme/web:1" }, policy(), place, NOW).decision).toEqual({
      kind: "allow",
    });
  });
});

describe("an image is refused", () => {
  const cases: [given: string, evidence: Partial<ImageEvidence>, code: string, spec?: object][] = [
    ["when it is only a tag", { reference: "ghcr.io/acme/web:1" }, "IMG_NOT_PINNED"],
    ["when the registry does not have it", { digest: absent("the registry has no such image") }, "IMG_NOT_FOUND"],
    [
      "when its bytes are not what the digest names",
      { digest: failed("REGISTRY_DIGEST_MISMATCH") },
      "IMG_DIGEST_MISMATCH",
    ],
    ["when it is Docker schema 1", { digest: failed("REGISTRY_SCHEMA_1") }, "IMG_SCHEMA_1"],
    ["when it is no reference", { digest: failed("REF_INVALID") }, "IMG_REFERENCE_INVALID"],
    ["when nobody signed it", { signatures: absent("no signature"), seen: { signatures: 0 } }, "IMG_UNSIGNED"],
    [
      "when a stranger signed it",
      { signatures: absent("a signature by no key of the policy"), seen: { signatures: 1 } },
      "IMG_UNTRUSTED_SIGNER",
    ],
    [
      "when a signer merely starts like a trusted one",
      { signatures: found([signature("acme-release.evil")]) },
      "IMG_UNTRUSTED_SIGNER",
    ],
    [
      "when the signature is over another digest",
      { signatures: found([signature("acme-release", { digest: OTHER })]) },
      "IMG_UNTRUSTED_SIGNER",
    ],
    [
      "when the signer's role is scanner",
      { signatures: found([signature("acme-scanner", { role: "scanner" })]) },
      "IMG_UNTRUSTED_SIGNER",
    ],
    [
      "when its signature was made for another repository",
      { signatures: found([signature("acme-release", { repository: "ghcr.io/acme/old" })]) },
      "IMG_UNTRUSTED_SIGNER",
      { signatures: { require: "any", sameRepository: true } },
    ],
    [
      "when its signature names no repository and one is wanted",
      {},
      "IMG_UNTRUSTED_SIGNER",
      { signatures: { require: "any", sameRepository: true } },
    ],
    ["when one of all did not sign", {}, "IMG_SIGNERS_MISSING", { signatures: { require: "all" } }],
    [
      "when one signer signed twice and two are wanted",
      { signatures: found([signature(), signature()]) },
      "IMG_SIGNERS_MISSING",
      { signatures: { require: { atLeast: 2 } } },
    ],
    ["when nobody scanned it", { scan: absent("no scan") }, "IMG_UNSCANNED"],
    ["when the scan is of another image", { scan: found(scan({ digest: OTHER })) }, "IMG_UNSCANNED"],
    [
      "when its scan is a millisecond too old",
      { scan: found(scan({ finishedAtMs: NOW - 7 * DAY_MS - 1 })) },
      "IMG_SCAN_STALE",
    ],
    [
      "when its scan is new and the scan's database too old",
      { scan: found(scan({ databaseAtMs: NOW - 7 * DAY_MS - 1 })) },
      "IMG_SCAN_STALE",
    ],
    ["when its scan is from tomorrow", { scan: found(scan({ finishedAtMs: NOW + DAY_MS })) }, "IMG_SCAN_STALE"],
    ["when it has a critical vulnerability", { scan: found(scan({ findings: [critical] })) }, "IMG_VULNERABLE"],
    [
      "when the critical vulnerability can be fixed",
      { scan: found(scan({ findings: [{ ...critical, fixedIn: "2" }] })) },
      "IMG_VULNERABLE",
      { scan: { ...SPEC.scan, onlyFixable: true } },
    ],
  ];
  it.each(cases.map(([given, ...rest]) => ({ given, rest })))("$given", ({ rest: [evidence, code, spec] }) => {
    const decision = judge(evidence, spec);
    expect(decision.kind).toBe("deny");
    expect(codes(decision)).toEqual([code]);
    expect(admits(decision)).toBe(false);
  });

  it("with every violation at once", () => {
    const bad = {
      reference: "ghcr.io/acme/web:1",
      signatures: absent("no signature"),
      scan: found(scan({ finishedAtMs: 0, findings: [critical] })),
    };
    expect(codes(judge(bad))).toEqual(["IMG_NOT_PINNED", "IMG_UNSIGNED", "IMG_SCAN_STALE", "IMG_VULNERABLE"]);
  });
});

describe("a refusal teaches", () => {
  it("what was found, wanted, and to do next", () => {
    const decision = judge({
      signatures: absent("an attestation of type vuln by acme-scanner, no signature"),
      seen: { signatures: 0 },
    });
    expect(decision).toEqual({
      kind: "deny",
      violations: [
        {
          code: "IMG_UNSIGNED",
          path: PATH,
          subject: GOOD.reference,
          rule: "ImagePolicy production",
          found: "an attestation of type vuln by acme-scanner, no signature",
          expected: "one of acme-release, acme-second",
          fix: `cosign sign --key <release key> ghcr.io/acme/web@${DIGEST}`,
        },
      ],
    });
  });

  it("how old the scan is", () => {
    const [stale] = violations(judge({ scan: found(scan({ finishedAtMs: NOW - 8 * DAY_MS })) }));
    expect(stale).toMatchObject({
      found: "attestation by acme-scanner, 8 d old",
      expected: "a scan not older than 7d",
    });
  });

  it("which vulnerabilities, the first few by name, and which package mends one", () => {
    const findings = Array.from({ length: 13 }, (_, n) => ({ ...critical, id: `CVE-2026-${n}`, fixedIn: "2" }));
    const [vulnerable] = violations(judge({ scan: found(scan({ findings })) }));
    expect(vulnerable?.found).toMatch(/^CVE-2026-0 \(critical\) in pkg:apk\/alpine\/ssl@1, fixed in 2, CVE-2026-1 /);
    expect(vulnerable?.found).toMatch(new RegExp(` and ${13 - VULNERABILITIES_NAMED} more$`));
    expect(vulnerable?.fix).toMatch(/^update pkg:apk\/alpine\/ssl@1 to 2/);
  });

  it("who signed and who is missing", () => {
    const [missing] = violations(judge({}, { signatures: { require: "all" } }));
    expect(missing).toMatchObject({
      found: "signed by acme-release only",
      expected: "one by each of acme-release, acme-second",
    });
  });

  it("that no policy covers an image", () => {
    expect(codes(judgeUncovered("ghcr.io/x/y", { path: PATH }))).toEqual(["IMG_NO_POLICY"]);
  });

  it("that a text is no reference", () => {
    expect(judgeInvalidReference("Nginx", new Error("upper case"), { path: PATH })).toMatchObject({
      kind: "deny",
      violations: [{ code: "IMG_REFERENCE_INVALID", found: "upper case" }],
    });
  });
});

const violations = (decision: Decision) => ("violations" in decision ? decision.violations : []);

describe("what could not be found out", () => {
  const cases: [what: string, evidence: Partial<ImageEvidence>][] = [
    ["the digest", { digest: failed(), signatures: failed(), scan: failed() }],
    ["the signatures", { signatures: failed() }],
    ["the scan", { scan: failed() }],
  ];
  it.each(cases)("%s, is neither yes nor no here, and no at the gate", (_what, evidence) => {
    const decision = judge(evidence);
    expect(decision).toMatchObject({
      kind: "undecided",
      where: `${PATH} ${GOOD.reference}`,
      cause: { code: "REGISTRY_TIMEOUT" },
    });
    expect(admits(decision)).toBe(false);
  });

  it("does not hide a violation that is certain", () => {
    expect(codes(judge({ signatures: absent("no signature"), scan: failed() }))).toEqual(["IMG_UNSIGNED"]);
  });
});

describe("evidence of which something could not be read", () => {
  const incomplete = new CodedError("VERIFY_TIMEOUT", "evidence of sha256:9f9f: stopped after 5000 ms", "retry");

  it.each<[what: string, evidence: Partial<ImageEvidence>, spec: object]>([
    ["a second signer", {}, { signatures: { require: "all" } }],
    ["any trusted signer", { signatures: absent("a signature by no key of the policy") }, {}],
    ["a newer scan", { scan: found(scan({ finishedAtMs: NOW - 30 * DAY_MS })) }, {}],
  ])("may hold %s: it is not known that there is none", (_what, evidence, spec) => {
    expect(judge(evidence, spec).kind).toBe("deny");
    const decision = judge({ ...evidence, incomplete }, spec);
    expect(decision).toMatchObject({ kind: "undecided", cause: incomplete });
    expect(admits(decision)).toBe(false);
  });

  it("mends nothing that is certain, and spoils nothing that is enough", () => {
    const critical: Finding = { id: "CVE-1", severity: "critical", package: "pkg:x" };
    expect(judge({ scan: found(scan({ findings: [critical] })), incomplete }).kind).toBe("deny");
    expect(judge({ incomplete }).kind).toBe("allow");
  });
});

describe("a policy that only warns", () => {
  it.each(["warn", "audit"])("(%s) turns violations into a warning and never stops a pod", (mode) => {
    const decision = judge({ signatures: absent("no signature") }, { mode });
    expect(decision).toMatchObject({ kind: "warn", violations: [{ code: "IMG_UNSIGNED" }] });
    const undecided = judge({ signatures: failed() }, { mode });
    expect(undecided.kind).toBe("undecided");
    expect(admits(undecided, onUndecidedOf(policy({ mode })))).toBe(true);
    expect(admits(undecided, onUndecidedOf(policy()))).toBe(false);
  });
});

describe("taking any evidence away from an admitted image refuses it", () => {
  it.each(["digest", "signatures", "scan"] as const)("%s", (item) => {
    expect(judge({}).kind).toBe("allow");
    for (const gone of [absent("gone"), failed()]) expect(admits(judge({ [item]: gone }))).toBe(false);
  });
});

describe("an ImagePolicy is refused when", () => {
  const problems = (spec: object) => {
    const document = {
      apiVersion: "outrider.dev/v1alpha1",
      kind: "ImagePolicy",
      metadata: { name: "p" },
      spec: { ...SPEC, ...spec },
    };
    const result = imagePolicySchema.safeParse(document);
    return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  };
  const cases: [when: string, spec: object, problem: RegExp][] = [
    [
      "it wants more signers than it names",
      { signatures: { require: { atLeast: 3 } } },
      /signatures.require: wants 3 signers, found 2/,
    ],
    [
      "it wants a signature and names only scanners",
      { authorities: SPEC.authorities.slice(2) },
      /wants 1 signers, found 0/,
    ],
    ["it wants zero signers", { signatures: { require: { atLeast: 0 } } }, /signatures.require/],
    [
      "two authorities have one name",
      { authorities: [RELEASES[0], { ...RELEASES[1], name: "acme-release" }] },
      /authorities.1.name: same as authorities\[0\]/,
    ],
    [
      "one key has two roles",
      { authorities: [RELEASES[0], { name: "s", role: "scanner", key: key("AAAA") }] },
      /authorities.1.key: same as authorities\[0\].key/,
    ],
    [
      "one key has two roles, in lines of another length",
      { authorities: [RELEASES[0], { name: "s", role: "scanner", key: key("AA\nAA") }] },
      /authorities.1.key: same as authorities\[0\].key/,
    ],
    [
      "a key is private",
      { authorities: [{ ...RELEASES[0], key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" }] },
      /expected a PEM public key/,
    ],
    ["a scan refuses nothing", { scan: { maxAge: "7d", refuse: [] } }, /scan.refuse: expected at least one severity/],
    [
      "it matches no image and has no pod rules",
      { match: { images: [] } },
      /match.images: expected at least one image glob/,
    ],
    [
      "its namespaces are an empty list, which is not all",
      { match: { images: ["a/b"], namespaces: [] } },
      /match.namespaces/,
    ],
    ["a glob holds a digest", { match: { images: ["a/b@sha256:00"] } }, /leave out the digest/],
    ["a glob holds a tag", { match: { images: ["ghcr.io/a/b:1"] } }, /no tag/],
    ["a key of it is unknown", { signaturez: {} }, /signaturez|[Uu]nrecognized/],
  ];
  it.each(cases)("%s", (_when, spec, problem) => expect(problems(spec).join("\n")).toMatch(problem));

  it("not when it has pod rules only", () => {
    expect(
      problems({
        match: { namespaces: ["shop"] },
        authorities: [],
        signatures: undefined,
        scan: undefined,
        pods: { podSecurity: "baseline" },
      }),
    ).toEqual([]);
  });
});
