import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CodedError } from "../../../core/base/errors.ts";
import { parseTrivyReport, readTrivyReport } from "../../../core/policy/trivy-report.ts";

const DIGEST = `sha256:${"9f".repeat(32)}`;
const VULNERABILITY = {
  VulnerabilityID: "CVE-2021-44228",
  PkgName: "log4j-core",
  InstalledVersion: "2.14.1",
  FixedVersion: "2.15.0",
  Severity: "CRITICAL",
  PkgIdentifier: { PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1" },
};
const GOOD = {
  SchemaVersion: 2,
  ArtifactName: `ghcr.io/acme/web@${DIGEST}`,
  Metadata: { OS: { Family: "alpine", Name: "3.22.1" }, RepoDigests: [`ghcr.io/acme/web@${DIGEST}`] },
  Results: [{ Target: "web (alpine 3.22.1)", Class: "os-pkgs", Vulnerabilities: [VULNERABILITY] }],
};

describe("Trivy's report", () => {
  it("gives its findings, its system and what it is about", () => {
    expect(readTrivyReport(GOOD)).toEqual({
      artifact: GOOD.ArtifactName,
      digests: [DIGEST],
      os: "alpine 3.22.1",
      endOfLife: false,
      findings: [
        {
          id: "CVE-2021-44228",
          severity: "critical",
          package: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
          fixedIn: "2.15.0",
        },
      ],
    });
  });

  it.each([
    ["a clean target", [{ Target: "a", Class: "os-pkgs" }]],
    ["a target whose list is null, as Go writes it", [{ Target: "a", Class: "os-pkgs", Vulnerabilities: null }]],
  ])("is clean with %s", (_, Results) => expect(parseTrivyReport({ ...GOOD, Results })).toEqual([]));

  it("is clean of an image without a system whose programs were looked at", () => {
    const Results = [{ Target: "app", Class: "lang-pkgs" }];
    expect(parseTrivyReport({ ...GOOD, Metadata: { OS: { Family: "none" } }, Results })).toEqual([]);
  });

  it("tells an empty fixed version from one that mends", () => {
    const Results = [
      {
        Target: "a",
        Class: "os-pkgs",
        Vulnerabilities: [{ ...VULNERABILITY, FixedVersion: "", PkgIdentifier: undefined }],
      },
    ];
    expect(parseTrivyReport({ ...GOOD, Results })).toEqual([
      { id: "CVE-2021-44228", severity: "critical", package: "log4j-core@2.14.1" },
    ]);
  });
});

describe("a report is refused, never taken as clean", () => {
  const bad = (more: object) => ({
    ...GOOD,
    Results: [{ Target: "a", Class: "os-pkgs", Vulnerabilities: [{ ...VULNERABILITY, ...more }] }],
  });
  const cases: [given: string, report: unknown][] = [
    ["when it is nothing", undefined],
    ["when it is an empty object", {}],
    ["when it is a list", []],
    ["when it is of another version", { ...GOOD, SchemaVersion: 1 }],
    ["when it is about nothing", { ...GOOD, ArtifactName: "" }],
    ["when it has neither results nor a system it recognised", { ...GOOD, Results: undefined, Metadata: {} }],
    [
      "when it knew the system and did not look at its packages",
      {
        ...GOOD,
        Metadata: { OS: { Family: "fedora", Name: "27" } },
        Results: [{ Target: "app/Gemfile.lock", Class: "lang-pkgs" }],
      },
    ],
    ["when it knew the system and has no result at all", { ...GOOD, Results: [] }],
    ["when it found no system and nothing else", { ...GOOD, Metadata: { OS: { Family: "none" } }, Results: [] }],
    ["when its results are no list", { ...GOOD, Results: {} }],
    ["when a target has no name", { ...GOOD, Results: [{}] }],
    ["when a list of findings is none", { ...GOOD, Results: [{ Target: "a", Vulnerabilities: {} }] }],
    ["when a finding has no id", bad({ VulnerabilityID: "" })],
    ["when a finding has no severity", bad({ Severity: undefined })],
    ["when a severity is unheard of", bad({ Severity: "AWFUL" })],
    ["when a severity is a name every object has", bad({ Severity: "constructor" })],
    ["when a finding is about nothing", bad({ PkgIdentifier: {}, PkgName: "" })],
  ];
  it.each(cases)("%s", (_, report) =>
    expect(() => parseTrivyReport(report)).toThrow(expect.objectContaining({ code: "SCAN_REPORT_INVALID" })),
  );

  it("whatever it holds, no other error is thrown", () => {
    fc.assert(
      fc.property(
        fc.record({
          SchemaVersion: fc.constant(2),
          ArtifactName: fc.string(),
          Metadata: fc.anything(),
          Results: fc.anything(),
        }),
        (report) => {
          try {
            parseTrivyReport(report);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(CodedError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
