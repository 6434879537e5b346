import { z } from "zod";
import { type Finding, SEVERITIES } from "../../policy/evidence.ts";
import { FINDING_LIMIT, parseTrivyReport } from "../../policy/trivy-report.ts";
import { malformed } from "./statement.ts";

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/**
 * A finished scan as `cosign attest --type vuln` states it. `scanner.result` holds what the scanner wrote; of the shapes
 * in use two are read (below), and any other is malformed, never "no findings".
 * @see sigstore/cosign specs/COSIGN_VULN_ATTESTATION_SPEC.md
 */
const vulnPredicate = z.object({
  scanner: z.object({
    uri: z.string().max(512).nullish(),
    version: z.string().max(128).nullish(),
    db: z.object({ lastUpdate: z.string().nullish() }).nullish(),
    result: z.unknown(),
  }),
  metadata: z.object({ scanFinishedOn: time }),
});

const short = z.string().min(1).max(512);

/** Our own short form: `{ "findings": [{ "id", "severity", "package", "fixedIn"? }] }`. */
const findingsList = z.strictObject({
  findings: z
    .array(
      z.object({ id: short, severity: z.enum(SEVERITIES), package: short, fixedIn: z.string().max(256).optional() }),
    )
    .max(FINDING_LIMIT),
});

export interface ScanReport {
  readonly finishedAtMs: number;
  readonly databaseAtMs?: number;
  readonly findings: readonly Finding[];
}

/** @throws {CodedError} EVIDENCE_MALFORMED, SCAN_REPORT_INVALID for every report that is not whole and understood */
export function readScanReport(predicate: unknown): ScanReport {
  const result = vulnPredicate.safeParse(predicate);
  if (!result.success) {
    throw malformed(
      `vuln attestation: ${result.error.issues[0]?.path.join(".")}: ${result.error.issues[0]?.message}`,
      result.error,
    );
  }
  const { scanner, metadata } = result.data;
  const databaseAtMs = Date.parse(scanner.db?.lastUpdate ?? "");
  return {
    finishedAtMs: metadata.scanFinishedOn,
    ...(Number.isNaN(databaseAtMs) ? {} : { databaseAtMs }),
    findings: readFindings(scanner.result),
  };
}

/** Findings of a scanner's own JSON. @throws {CodedError} SCAN_REPORT_INVALID when it is neither shape */
export function readFindings(report: unknown): readonly Finding[] {
  const own = findingsList.safeParse(report);
  if (own.success)
    return own.data.findings.map(({ fixedIn, ...rest }) => (fixedIn === undefined ? rest : { ...rest, fixedIn }));
  return parseTrivyReport(report);
}
