import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../base/clock.ts";
import { formatDuration } from "../../base/duration.ts";
import type { Violation } from "../decision.ts";
import type { Finding, ScanResult } from "../evidence.ts";
import { complain, type Judged } from "./image-judged.ts";

/** A scan from further ahead than this is not believed: its clock or its author is wrong. */
export const CLOCK_SKEW_MS = 5 * MINUTE_MS;
/** Vulnerabilities named in one denial; the rest are counted. */
export const VULNERABILITIES_NAMED = 10;

/** Whether the newest believed scan is recent enough and holds nothing that the policy refuses. */
export function judgeScan(judged: Judged): Violation[] {
  const { evidence, policy } = judged;
  const rule = policy.spec.scan;
  if (rule === undefined || evidence.digest.kind !== "found" || evidence.scan.kind === "failed") return [];
  if (evidence.scan.kind === "absent") {
    return [
      complain(judged, "IMG_UNSCANNED", evidence.scan.why, `a scan not older than ${formatDuration(rule.maxAge)}`),
    ];
  }
  const scan = evidence.scan.value;
  if (scan.digest !== evidence.digest.value) {
    return [complain(judged, "IMG_UNSCANNED", `a scan of another image, ${scan.digest}`, "a scan of this digest")];
  }
  return [...judgeAge(judged, scan, rule.maxAge), ...judgeFindings(judged, scan)];
}

/** A scan is as old as what it looked things up in: a fresh scan with last year's database is last year's. */
function judgeAge(judged: Judged, scan: ScanResult, maxAgeMs: number): Violation[] {
  const ageMs = judged.nowMs - scan.finishedAtMs;
  const databaseAgeMs = scan.databaseAtMs === undefined ? 0 : judged.nowMs - scan.databaseAtMs;
  if (ageMs >= -CLOCK_SKEW_MS && ageMs <= maxAgeMs && databaseAgeMs <= maxAgeMs) return [];
  const late = ageMs < -CLOCK_SKEW_MS || ageMs > maxAgeMs;
  const found = `${scan.source}, ${late ? describeAge(ageMs) : `its database ${describeAge(databaseAgeMs)}`}`;
  const expected = `a scan${late ? "" : " and a database"} not older than ${formatDuration(maxAgeMs)}`;
  return [complain(judged, "IMG_SCAN_STALE", found, expected)];
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
  return [
    complain(
      judged,
      "IMG_VULNERABLE",
      `${named}${more}`,
      `no ${rule.refuse.join(" or ")} vulnerability${fixable}`,
      mend(refused),
    ),
  ];
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

/** "3 h old", "12 d old", "from 2 h in the future" */
export function describeAge(ageMs: number): string {
  const size = Math.abs(ageMs);
  const [unit, name] = size >= 2 * DAY_MS ? [DAY_MS, "d"] : size >= HOUR_MS ? [HOUR_MS, "h"] : [MINUTE_MS, "min"];
  const text = `${Math.round(size / unit)} ${name}`;
  return ageMs < 0 ? `from ${text} in the future` : `${text} old`;
}
