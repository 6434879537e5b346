import { CodedError } from "../base/errors.ts";
import type { Finding, Severity } from "./evidence.ts";

/** Most findings kept of one report; more than this is refused rather than cut, because a cut report looks clean. */
export const FINDING_LIMIT = 50_000;

/** What a report says of its own completeness, beside the findings. */
export interface TrivyReport {
  /** What was scanned, as it was asked for. */
  readonly artifact: string;
  readonly findings: readonly Finding[];
  /** `sha256:…` digests the scanner says it looked at (repository digests), without the repository part. */
  readonly digests: readonly string[];
  /** "alpine 3.19.1" when the scanner recognised the system, `undefined` for an image without one. */
  readonly os?: string;
  /** The system no longer receives fixes. */
  readonly endOfLife: boolean;
}

const SEVERITY: Readonly<Record<string, Severity>> = {
  UNKNOWN: "unknown",
  LOW: "low",
  MEDIUM: "medium",
  HIGH: "high",
  CRITICAL: "critical",
};

/**
 * Reads Trivy's JSON report (SchemaVersion 2) strictly: anything missing, cut or of another shape is an error, never
 * "no findings".
 *
 * A report is believed to be whole when it has `SchemaVersion`, `ArtifactName` and results, and among those the
 * packages of the operating system where Trivy recognised one. Of a system it has no advisories for, Trivy leaves that
 * result out and ends well; that image was not understood, which is not the same as clean.
 *
 * @param json  the parsed document
 * @throws {CodedError} SCAN_REPORT_INVALID
 * @see https://github.com/aquasecurity/trivy/blob/main/pkg/types/report.go
 */
export function readTrivyReport(json: unknown): TrivyReport {
  const report = record(json, "report");
  if (report["SchemaVersion"] !== 2) throw invalid("SchemaVersion", report["SchemaVersion"], "2");
  const artifact = text(report["ArtifactName"], "ArtifactName");
  const metadata = report["Metadata"] === undefined ? {} : record(report["Metadata"], "Metadata");
  const os = metadata["OS"] === undefined ? undefined : record(metadata["OS"], "Metadata.OS");
  const results = optionalList(report["Results"], "Results");
  requireLookedAt(results, os);
  const findings = results.flatMap((result, index) => findingsOf(result, `Results[${index}]`));
  if (findings.length > FINDING_LIMIT)
    throw invalid("Results", `${findings.length} findings`, `at most ${FINDING_LIMIT}`);
  return {
    artifact,
    findings,
    digests: digestsOf(metadata),
    endOfLife: os?.["EOSL"] === true,
    ...(os === undefined
      ? {}
      : { os: `${text(os["Family"], "Metadata.OS.Family")} ${String(os["Name"] ?? "")}`.trim() }),
  };
}

/** Trivy's family for an image without an operating system. */
const NO_FAMILY = ["", "none"];

function requireLookedAt(results: readonly unknown[], os: Readonly<Record<string, unknown>> | undefined): void {
  const family = os === undefined ? "" : String(os["Family"] ?? "");
  if (NO_FAMILY.includes(family)) {
    if (results.length === 0)
      throw invalid("Results", "none, and no operating system", "results of what was looked at");
    return;
  }
  const looked = results.some((result) => (result as { Class?: unknown } | null)?.Class === "os-pkgs");
  if (looked) return;
  const found = `no packages of ${family}, a system that trivy recognised and did not look at`;
  throw invalid("Results", found, "a result of class os-pkgs");
}

/** Only the findings of a report. @throws {CodedError} SCAN_REPORT_INVALID */
export function parseTrivyReport(json: unknown): readonly Finding[] {
  return readTrivyReport(json).findings;
}

function findingsOf(value: unknown, path: string): Finding[] {
  const result = record(value, path);
  text(result["Target"], `${path}.Target`);
  return optionalList(result["Vulnerabilities"], `${path}.Vulnerabilities`).map((vulnerability, index) =>
    findingOf(record(vulnerability, `${path}.Vulnerabilities[${index}]`), `${path}.Vulnerabilities[${index}]`),
  );
}

function findingOf(vulnerability: Readonly<Record<string, unknown>>, path: string): Finding {
  const word = text(vulnerability["Severity"], `${path}.Severity`);
  const severity = Object.hasOwn(SEVERITY, word) ? SEVERITY[word] : undefined;
  if (severity === undefined)
    throw invalid(`${path}.Severity`, vulnerability["Severity"], Object.keys(SEVERITY).join(", "));
  const fixedIn = vulnerability["FixedVersion"];
  return {
    id: text(vulnerability["VulnerabilityID"], `${path}.VulnerabilityID`),
    severity,
    package: packageOf(vulnerability, path),
    ...(typeof fixedIn === "string" && fixedIn !== "" ? { fixedIn } : {}),
  };
}

/** The package URL where Trivy gives one (`PkgIdentifier.PURL`), else name@version. */
function packageOf(vulnerability: Readonly<Record<string, unknown>>, path: string): string {
  const identifier = vulnerability["PkgIdentifier"] as { PURL?: unknown } | undefined;
  if (typeof identifier?.PURL === "string" && identifier.PURL !== "") return identifier.PURL;
  const name = text(vulnerability["PkgName"], `${path}.PkgName`);
  return `${name}@${String(vulnerability["InstalledVersion"] ?? "")}`;
}

function digestsOf(metadata: Readonly<Record<string, unknown>>): string[] {
  return optionalList(metadata["RepoDigests"], "Metadata.RepoDigests").flatMap((entry) => {
    const at = typeof entry === "string" ? entry.lastIndexOf("@") : -1;
    return at < 0 ? [] : [(entry as string).slice(at + 1)];
  });
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(path, value, "an object");
}

function optionalList(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw invalid(path, value, "a list");
}

function text(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw invalid(path, value, "a text");
}

function invalid(path: string, found: unknown, expected: string): CodedError {
  const shown = (typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing")).slice(0, 80);
  return new CodedError(
    "SCAN_REPORT_INVALID",
    `scan report: ${path}: expected ${expected}, found ${shown}`,
    "scan the image again; a report that cannot be read whole is never taken as clean",
  );
}
