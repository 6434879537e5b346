import type { Lookup, ScanResult } from "../../core/policy/evidence.ts";
import { describeAge } from "../../core/policy/images/image-words.ts";

/** What the scan evidence of an image was, in one line: "scan: attestation by acme-scanner, 2 h old". */
export function scanText(scan: Lookup<ScanResult>, nowMs: number): string {
  switch (scan.kind) {
    case "found":
      return `scan: ${scan.value.source}, ${ageOf(scan.value, nowMs)}`;
    case "absent":
      return `scan: none (${scan.why})`;
    case "failed":
      return "scan: not known";
  }
}

/** A scan by our own scanner is as good as its database; an attestation as good as its age. */
function ageOf({ source, databaseAtMs, finishedAtMs }: ScanResult, nowMs: number): string {
  if (databaseAtMs === undefined || source.startsWith("attestation")) return describeAge(nowMs - finishedAtMs);
  return `db of ${new Date(databaseAtMs).toISOString().slice(0, 10)}`;
}
