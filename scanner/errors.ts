/** Every code the scanner raises. docs/errors.md has one row for each. */
export const SCANNER_ERRORS = {
  SCAN_FAILED: {
    means: "the scanner ended with an error, or what it printed is no whole report",
    fix: "run the trivy command in the message by hand; a scan that failed is never taken as clean",
  },
  SCAN_DATABASE_MISSING: {
    means: "trivy has no vulnerability database, so it looked for nothing",
    fix: "fetch it once: trivy image --download-db-only --cache-dir FOLDER; without a network, copy FOLDER from a machine that has one",
  },
  SCAN_TIMEOUT: {
    means: "the scanner was stopped because it took too long",
    fix: "scan again; a first scan downloads the vulnerability database, which trivy image --download-db-only does ahead",
  },
  SCAN_QUEUE_FULL: {
    means: "as many scans are waiting as may wait",
    fix: "retry later; if it stays, scan images where they are built and attest the result",
  },
  SCAN_STORE: {
    means: "the scan store could not be read or written",
    fix: "check the path and its permissions; a store that is damaged may be deleted, scans are then made again",
  },
} as const;

export type ScannerCode = keyof typeof SCANNER_ERRORS;
