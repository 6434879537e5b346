/** Codes of the evidence cache. */
export const EVIDENCE_CACHE_ERRORS = {
  EVIDENCE_BUSY: {
    means: "as many images are being looked up as the gate takes at one time",
    fix: "retry in some seconds; if it stays so, find out which registry does not answer",
  },
  EVIDENCE_STORE: {
    means: "the file that keeps verified evidence over a restart cannot be opened or written",
    fix: "check that the state folder exists, belongs to this user and is not on a full or read-only disk",
  },
} as const;
