import { describe, expect, it } from "@jest/globals";
import { DAY_MS, HOUR_MS } from "../../../../core/base/clock.ts";
import { CodedError } from "../../../../core/base/errors.ts";
import type {
  Attestation,
  Digest,
  Finding,
  ImageEvidence,
  ScanResult,
  Signature,
  Verified,
} from "../../../../core/policy/evidence.ts";
import { type ImagePlace, judgeImage } from "../../../../core/policy/images/image-policy.ts";
import { APPROVAL_PREDICATE } from "../../../../core/policy/images/schema/image-policy-schema.ts";
import { imagePolicy } from "../../../support/image-policy.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const OTHER: Digest = `sha256:${"77".repeat(32)}`;
const PATH = "spec.containers[0].image";
const key = (body: string) => `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`;
const SLSA = "https://slsa.dev/provenance/v1";
const VULN = "https://cosign.sigstore.dev/attestation/vuln/v1";

/** Built here by hand because the judge is pure; outside of tests only the verifier makes these. */
const signature = (more: Partial<Signature> = {}) =>
  ({ signer: "release", role: "release", form: "bundle-v0.3", digest: DIGEST, ...more }) as Verified<Signature>;
const attestation = (more: Partial<Attestation> = {}) =>
  ({ signer: "builder", role: "builder", digest: DIGEST, predicateType: SLSA, ...more }) as Verified<Attestation>;
const approval = (more: Partial<Attestation> = {}) =>
  attestation({ signer: "boss", role: "approver", predicateType: APPROVAL_PREDICATE, ...more });
const scan = (more: Partial<ScanResult> = {}) =>
  ({
    digest: DIGEST,
    source: "attestation by scanner",
    finishedAtMs: NOW - HOUR_MS,
    findings: [],
    ...more,
  }) as unknown as Verified<ScanResult>;
const found = <T>(value: T) => ({ kind: "found", value }) as const;
const absent = (why: string) => ({ kind: "absent", why }) as const;
const failed = { kind: "failed", cause: new CodedError("REGISTRY_TIMEOUT", "ghcr.io: slow", "retry") } as const;

const GOOD: ImageEvidence = {
  reference: `ghcr.io/acme/web:1.4.0@${DIGEST}`,
  name: "ghcr.io/acme/web",
  digest: found(DIGEST),
  signatures: found([signature()]),
  attestations: found([attestation(), approval()]),
  scan: found(scan()),
};
const SPEC = {
  match: { images: ["ghcr.io/acme/*"] },
  authorities: [
    { name: "release", role: "release", key: key("AAAA") },
    { name: "scanner", role: "scanner", key: key("BBBB") },
    { name: "builder", role: "builder", key: key("CCCC") },
    { name: "boss", role: "approver", key: key("DDDD") },
    { name: "chief", role: "approver", key: key("EEEE") },
  ],
};
const SIGNED = { signatures: { require: "any" } };
const RUNNING: Partial<ImagePlace> = { running: new Set([DIGEST]) };

const judge = (spec: object, evidence: Partial<ImageEvidence> = {}, place: Partial<ImagePlace> = {}) =>
  judgeImage({ ...GOOD, ...evidence }, imagePolicy({ ...SPEC, ...spec }), { path: PATH, ...place }, NOW);
const told = ({ decision }: ReturnType<typeof judge>) =>
  "violations" in decision ? decision.violations.map(({ code, found: what }) => `${code} ${what}`) : [];

/** As objects, so that a case may leave out what it does not change. */
const named = <R extends unknown[]>(cases: readonly [given: string, ...rest: R][]) =>
  cases.map(([given, ...rest]) => ({ given, rest }));

type Case = [given: string, spec: object, evidence: Partial<ImageEvidence>, place?: Partial<ImagePlace>];
const AGED = { signatures: { require: "any", maxAge: "30d" } };
const PROVENANCE = { attestations: [{ predicateType: "slsa-provenance", require: "any" }] };
const APPROVED = { ...SIGNED, approvals: { require: "any" } };
const GRACE = { scan: { maxAge: "7d", grace: "2d" } };
const at = (ageMs: number) => ({ signedAtMs: NOW - ageMs });

describe("an image is admitted", () => {
  const cases: Case[] = [
    ["with a signature young enough", AGED, { signatures: found([signature(at(29 * DAY_MS))]) }],
    ["with provenance by a builder", PROVENANCE, {}],
    [
      "with provenance of the older version",
      PROVENANCE,
      { attestations: found([attestation({ predicateType: "https://slsa.dev/provenance/v0.2" })]) },
    ],
    [
      "with a statement of any type that the rule names by URI, by whom it names",
      { attestations: [{ predicateType: "https://acme.example/tested/v1", by: ["release"], require: "any" }] },
      {
        attestations: found([
          attestation({ signer: "release", role: "release", predicateType: "https://acme.example/tested/v1" }),
        ]),
      },
    ],
    [
      "with a scan's attestation by a key, as old as the scan itself",
      { attestations: [{ predicateType: "vuln", require: "any", maxAge: "1d" }] },
      { attestations: found([attestation({ signer: "scanner", role: "scanner", predicateType: VULN })]) },
    ],
    ["approved by somebody else", APPROVED, {}],
    [
      "approved by two of two",
      { ...SIGNED, approvals: { require: { atLeast: 2 } } },
      { attestations: found([approval(), approval({ signer: "chief" })]) },
    ],
    ["of the least version", { minimumVersions: [{ image: "ghcr.io/acme/web", version: "1.4.0" }] }, {}],
    [
      "that a minimum version does not speak of",
      { minimumVersions: [{ image: "ghcr.io/acme/db", version: "9.0.0" }] },
      {},
    ],
    ["that no deny list names", { deny: { digests: [OTHER], images: ["ghcr.io/acme/web-old"] } }, {}],
  ];
  it.each(named(cases))("$given", ({ rest: [spec, evidence, place] }) =>
    expect(judge(spec, evidence, place).decision).toEqual({ kind: "allow" }),
  );
});

describe("an image is refused", () => {
  const cases: [...Case, says: string][] = [
    [
      "when its signature is too old",
      AGED,
      { signatures: found([signature(at(31 * DAY_MS))]) },
      {},
      "IMG_SIGNATURE_STALE one by release, 31 d old",
    ],
    [
      "when nobody vouches for when it was signed, and an age is asked for",
      AGED,
      {},
      {},
      "IMG_TIME_UNKNOWN one by release, at a time that nobody vouches for",
    ],
    [
      "when its signature is from tomorrow",
      SIGNED,
      { signatures: found([signature(at(-DAY_MS))]) },
      {},
      "IMG_SIGNATURE_STALE one by release, from 24 h in the future",
    ],
    [
      "when its signature has ended",
      SIGNED,
      { signatures: found([signature({ validUntilMs: NOW - HOUR_MS })]) },
      {},
      "IMG_SIGNATURE_STALE one by release, which ended 1 h ago",
    ],
    [
      "when its signature has ended, even where it runs",
      SIGNED,
      { signatures: found([signature({ validUntilMs: NOW - HOUR_MS })]) },
      RUNNING,
      "IMG_SIGNATURE_STALE one by release, which ended 1 h ago",
    ],
    ["without provenance", PROVENANCE, { attestations: absent("no attestation") }, {}, "IMG_UNATTESTED no attestation"],
    [
      "with the provenance of another image",
      PROVENANCE,
      { attestations: found([attestation({ digest: OTHER })]) },
      {},
      "IMG_UNATTESTED none",
    ],
    [
      "with a statement of another type",
      PROVENANCE,
      { attestations: found([attestation({ predicateType: VULN })]) },
      {},
      "IMG_UNATTESTED none",
    ],
    [
      "with provenance by the scanner",
      PROVENANCE,
      { attestations: found([attestation({ signer: "scanner", role: "scanner" })]) },
      {},
      "IMG_UNTRUSTED_ATTESTER one by scanner, whose role is scanner",
    ],
    [
      "with provenance that is too old",
      { attestations: [{ predicateType: "slsa-provenance", require: "any", maxAge: "1d" }] },
      { attestations: found([attestation(at(2 * DAY_MS))]) },
      {},
      "IMG_ATTESTATION_STALE one by builder, 2 d old",
    ],
    [
      "with provenance that nobody vouches for the time of",
      { attestations: [{ predicateType: "slsa-provenance", require: "any", maxAge: "1d" }] },
      {},
      {},
      "IMG_TIME_UNKNOWN one by builder at a time that nobody vouches for",
    ],
    [
      "with a scan's attestation whose scan is older than the rule wants",
      { attestations: [{ predicateType: "vuln", require: "any", maxAge: "1d" }] },
      {
        attestations: found([attestation({ signer: "scanner", role: "scanner", predicateType: VULN })]),
        scan: found(scan({ finishedAtMs: NOW - 2 * DAY_MS })),
      },
      {},
      "IMG_ATTESTATION_STALE one by scanner, 2 d old",
    ],
    ["without an approval", APPROVED, { attestations: absent("no attestation") }, {}, "IMG_UNAPPROVED none"],
    [
      "when fewer approve than must",
      { ...SIGNED, approvals: { require: "all" } },
      {},
      {},
      "IMG_UNAPPROVED approved by boss only",
    ],
    [
      "when who approves also signed it",
      APPROVED,
      { signatures: found([signature({ identity: "ann" })]), attestations: found([approval({ identity: "ann" })]) },
      {},
      "IMG_SELF_APPROVED an approval by ann, who made the image",
    ],
    [
      "when who approves also built it",
      APPROVED,
      { attestations: found([approval({ identity: "ann" }), attestation({ identity: "ann" })]) },
      {},
      "IMG_SELF_APPROVED an approval by ann, who made the image",
    ],
    [
      "by its digest, whoever signed it",
      { ...SIGNED, deny: { digests: [DIGEST] } },
      {},
      {},
      `IMG_DENIED ${DIGEST} in spec.deny.digests`,
    ],
    [
      "by its digest, though the registry does not answer",
      { onUndecided: "allow-audited", deny: { digests: [DIGEST] } },
      { digest: failed },
      {},
      `IMG_DENIED ${DIGEST} in spec.deny.digests`,
    ],
    [
      "by its repository",
      { deny: { images: ["ghcr.io/*/web"] } },
      {},
      {},
      "IMG_DENIED ghcr.io/*/web in spec.deny.images",
    ],
    [
      "by its repository, even where it runs",
      { deny: { images: ["ghcr.io/*/web"] } },
      {},
      RUNNING,
      "IMG_DENIED ghcr.io/*/web in spec.deny.images",
    ],
    [
      "below the least version",
      { minimumVersions: [{ image: "ghcr.io/acme/*", version: "1.4.1" }] },
      {},
      {},
      "IMG_VERSION version 1.4.0",
    ],
    [
      "of a release candidate of the least version",
      { minimumVersions: [{ image: "**", version: "1.4.0" }] },
      { reference: `ghcr.io/acme/web:1.4.0-rc.1@${DIGEST}` },
      {},
      "IMG_VERSION version 1.4.0-rc.1",
    ],
    [
      "by a tag that is no version",
      { minimumVersions: [{ image: "**", version: "1.0.0" }] },
      { reference: `ghcr.io/acme/web:latest@${DIGEST}` },
      {},
      "IMG_VERSION tag latest, which is no version",
    ],
    [
      "by a digest alone, where versions count",
      { minimumVersions: [{ image: "**", version: "1.0.0" }] },
      { reference: `ghcr.io/acme/web@${DIGEST}` },
      {},
      "IMG_VERSION no tag",
    ],
    [
      "when the evidence is about another digest than it names",
      SIGNED,
      { reference: `ghcr.io/acme/web@${OTHER}` },
      {},
      `IMG_DIGEST_MISMATCH evidence about ${DIGEST}`,
    ],
  ];
  it.each(named(cases))("$given", ({ rest: [spec, evidence, place, says] }) => {
    const judgement = judge(spec, evidence, place);
    expect(judgement.decision.kind).toBe("deny");
    expect(told(judgement)).toEqual([says]);
    expect(judgement.grounds).toBeUndefined();
  });
});

describe("a digest that runs in the namespace keeps its grace", () => {
  it("but a scan that could not be looked up stays unknown where the policy states none", () => {
    const spec = { scan: { maxAge: "7d" } };
    const judgement = judge(spec, { scan: failed }, RUNNING);
    expect(judgement.decision.kind).toBe("undecided");
    expect(judgement.grounds).toBeUndefined();
    expect(judge(GRACE, { scan: failed }).decision.kind).toBe("undecided"); // and where it does not run
  });

  const stale = found(scan({ finishedAtMs: NOW - 8 * DAY_MS }));
  const cases: [...Case, says: string][] = [
    [
      "when only its scan is too old",
      GRACE,
      { scan: stale },
      RUNNING,
      "IMG_SCAN_GRACE attestation by scanner, 8 d old",
    ],
    [
      "when its scan could not be looked up",
      GRACE,
      { scan: failed },
      RUNNING,
      "IMG_SCAN_GRACE a scan that could not be looked up",
    ],
    [
      "when its signature is too old",
      AGED,
      { signatures: found([signature(at(31 * DAY_MS))]) },
      RUNNING,
      "IMG_SIGNATURE_STALE one by release, 31 d old",
    ],
    [
      "when its version is too low",
      { minimumVersions: [{ image: "**", version: "2.0.0" }] },
      {},
      RUNNING,
      "IMG_VERSION version 1.4.0",
    ],
  ];
  it.each(named(cases))("$given, and everybody is told", ({ rest: [spec, evidence, place, says] }) => {
    const judgement = judge(spec, evidence, place);
    expect(judgement.decision.kind).toBe("warn");
    expect(told(judgement)).toEqual([says]);
  });

  const critical: Finding = { id: "CVE-2026-1", severity: "critical", package: "pkg:apk/alpine/ssl@1" };
  const refused: Case[] = [
    [
      "when the scan is older than the grace, too",
      GRACE,
      { scan: found(scan({ finishedAtMs: NOW - 9 * DAY_MS - 1 })) },
      RUNNING,
    ],
    ["when the policy states no grace", { scan: { maxAge: "7d" } }, { scan: stale }, RUNNING],
    ["when another digest runs", GRACE, { scan: stale }, { running: new Set([OTHER]) }],
    ["when nobody knows what runs", GRACE, { scan: stale }, {}],
    ["when there is no scan", GRACE, { scan: absent("no scan") }, RUNNING],
    [
      "when the old scan found what is refused",
      GRACE,
      { scan: found(scan({ finishedAtMs: NOW - 8 * DAY_MS, findings: [critical] })) },
      RUNNING,
    ],
    ["when the scan is from tomorrow", GRACE, { scan: found(scan({ finishedAtMs: NOW + DAY_MS })) }, RUNNING],
    [
      "when its signature is gone",
      { ...GRACE, ...SIGNED },
      { scan: stale, signatures: absent("no signature") },
      RUNNING,
    ],
    [
      "when its signature could not be looked up",
      { ...GRACE, ...SIGNED },
      { scan: stale, signatures: failed },
      RUNNING,
    ],
    ["when the digest itself could not be looked up", GRACE, { digest: failed, scan: failed }, RUNNING],
  ];
  it.each(named(refused))("but not $given", ({ rest: [spec, evidence, place] }) => {
    const { decision, grounds } = judge(spec, evidence, place);
    expect(["deny", "undecided"]).toContain(decision.kind);
    expect(grounds).toBeUndefined();
  });
});

describe("an image may run on grounds", () => {
  const kindOf = (...given: Parameters<typeof judge>) => judge(...given).grounds?.kind;
  it("of the verified statements that met the policy", () => {
    const { grounds } = judge({ ...SIGNED, ...PROVENANCE, scan: { maxAge: "7d" } });
    expect(grounds).toEqual({
      kind: "evidence",
      by: "ImagePolicy production",
      digest: DIGEST,
      proofs: [signature(), attestation(), scan()],
    });
  });

  const cases: [given: string, kind: string | undefined, ...Parameters<typeof judge>][] = [
    ["of a policy that asks for none", "configured", {}],
    ["of running here, where only its scan's look-up failed", "running", GRACE, { scan: failed }, RUNNING],
    ["of a policy that only warns", "advised", { mode: "warn", ...SIGNED }, { signatures: absent("none") }],
    [
      "of a policy that admits what cannot be looked up",
      "audited",
      { onUndecided: "allow-audited", ...SIGNED },
      { signatures: failed },
    ],
    ["none at all, where a look-up failed", undefined, SIGNED, { signatures: failed }],
    ["none at all, where attestations were not gathered", undefined, PROVENANCE, { attestations: undefined as never }],
    [
      "none at all, where a signature is missing, whatever failed look-ups mean",
      undefined,
      { onUndecided: "allow-audited", ...SIGNED },
      { signatures: absent("none"), scan: failed },
    ],
  ];
  it.each(named(cases))("$given", ({ rest: [kind, ...given] }) => expect(kindOf(...given)).toBe(kind));

  it.each(["signatures", "attestations", "scan", "digest"] as const)("and on none without its %s", (item) => {
    const all = { ...SIGNED, ...PROVENANCE, ...APPROVED, scan: { maxAge: "7d", grace: "2d" } };
    expect(kindOf(all)).toBe("evidence");
    for (const gone of [absent("gone"), failed]) expect(kindOf(all, { [item]: gone })).toBeUndefined();
  });
});
