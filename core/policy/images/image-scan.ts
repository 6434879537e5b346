import { formatDuration } from "../../base/duration.ts";
import type { Violation } from "../decision.ts";
import type { Finding, ScanResult } from "../evidence.ts";
import {
  broken,
  complain,
  digestOf,
  excused,
  type Judged,
  pinnedName,
  type Ruling,
  runsHere,
  SILENT,
} from "./image-judged.ts";
import { describeAge } from "./image-words.ts";
import { CLOCK_SKEW_MS } from "./quorum.ts";

/** Vulnerabilities named in one denial; the rest are counted. */
export const VULNERABILITIES_NAMED = 10;

/**
 * Whether the newest believed scan is recent enough and holds nothing that the policy refuses. A digest that runs in
 * the namespace keeps the policy's grace when only its scan is too old, or could not be looked up.
 */
export function judgeScan(judged: Judged): Ruling {
  const { evidence, policy } = judged;
  const rule = policy.spec.scan;
  if (rule === undefined || digestOf(judged) === undefined) return SILENT;
  const expected = `a scan not older than ${formatDuration(rule.maxAge)}`;
  if (evidence.scan.kind === "failed") return unscannedButRunning(judged, expected);
  if (evidence.scan.kind === "absent")
    return broken(complain(judged, "IMG_UNSCANNED", evidence.scan.why, expected, rescan(judged)));
  const scan = evidence.scan.value;
  if (scan.digest !== digestOf(judged)) {
    const found = `a scan of another image, ${scan.digest}`;
    return broken(complain(judged, "IMG_UNSCANNED", found, "a scan of this digest", rescan(judged)));
  }
  const findings = judgeFindings(judged, scan);
  const age = judgeAge(judged, scan, rule.maxAge);
  if (age === undefined) return { violations: findings, excused: [], proofs: findings.length > 0 ? [] : [scan] };
  if (!hasGrace(judged, scan)) return broken(age, ...findings);
  return { violations: findings, excused: [inGrace(judged, age)], proofs: findings.length > 0 ? [] : [scan] };
}

/** Without grace the failed look-up itself makes the answer undecided. */
function unscannedButRunning(judged: Judged, expected: string): Ruling {
  if (!isScanExcused(judged)) return SILENT;
  return excused(complain(judged, "IMG_SCAN_GRACE", "a scan that could not be looked up", expected));
}

/** Whether a failed look-up of the scan is let pass with: the policy states a grace, and the digest runs here. */
export function isScanExcused(judged: Judged): boolean {
  return judged.policy.spec.scan?.grace !== undefined && runsHere(judged);
}

/** A scan is as old as what it looked things up in: a fresh scan with last year's database is last year's. */
function judgeAge(judged: Judged, scan: ScanResult, maxAgeMs: number): Violation | undefined {
  const ageMs = judged.nowMs - scan.finishedAtMs;
  const databaseAgeMs = scan.databaseAtMs === undefined ? 0 : judged.nowMs - scan.databaseAtMs;
  if (ageMs >= -CLOCK_SKEW_MS && ageMs <= maxAgeMs && databaseAgeMs <= maxAgeMs) return undefined;
  const late = ageMs < -CLOCK_SKEW_MS || ageMs > maxAgeMs;
  const found = `${scan.source}, ${late ? describeAge(ageMs) : `its database ${describeAge(databaseAgeMs)}`}`;
  const expected = `a scan${late ? "" : " and a database"} not older than ${formatDuration(maxAgeMs)}`;
  return complain(judged, "IMG_SCAN_STALE", found, expected, rescan(judged));
}

function hasGrace(judged: Judged, scan: ScanResult): boolean {
  const { maxAge = 0, grace } = judged.policy.spec.scan ?? {};
  return grace !== undefined && runsHere(judged) && judgeAge(judged, scan, maxAge + grace) === undefined;
}

function inGrace(judged: Judged, { found, expected }: Violation): Violation {
  const grace = formatDuration(judged.policy.spec.scan?.grace ?? 0);
  return complain(judged, "IMG_SCAN_GRACE", found, `${expected}, or for what runs here at most ${grace} more`);
}

function rescan(judged: Judged): string {
  const image = pinnedName(judged);
  const scan = `trivy image --format cosign-vuln -o scan.json ${image}`;
  return `${scan} && cosign attest --key <scanner key> --type vuln --predicate scan.json ${image}`;
}

function judgeFindings(judged: Judged, scan: ScanResult): Violation[] {
  const rule = judged.policy.spec.scan;
  const refused = scan.findings.filter(
    ({ severity, fixedIn }) => rule?.refuse.includes(severity) === true && (!rule.onlyFixable || fixedIn !== undefined),
  );
  if (rule === undefined || refused.length === 0) return [];
  const named = refused.slice(0, VULNERABILITIES_NAMED).map(describeFinding).join(", ");
  const more = refused.length > VULNERABILITIES_NAMED ? ` and ${refused.length - VULNERABILITIES_NAMED} more` : "";
  const fixable = rule.onlyFixable ? " that can be fixed" : "";
  const expected = `no ${rule.refuse.join(" or ")} vulnerability${fixable}`;
  return [complain(judged, "IMG_VULNERABLE", `${named}${more}`, expected, mend(refused))];
}

function describeFinding({ id, severity, package: name, fixedIn }: Finding): string {
  return `${id} (${severity}) in ${name}${fixedIn === undefined ? "" : `, fixed in ${fixedIn}`}`;
}

function mend(findings: readonly Finding[]): string {
  const fixable = findings.find(({ fixedIn }) => fixedIn !== undefined);
  if (fixable?.fixedIn === undefined)
    return "no fixed package exists yet: change the base image, or ask for an exception";
  return `update ${fixable.package} to ${fixable.fixedIn}, build, sign and scan the image again`;
}
