/** Codes of verification in worker threads. Each is "could not find out", never "not signed". */
export const VERIFY_ERRORS = {
  VERIFY_TIMEOUT: {
    means: "a signature or attestation was not verified in time; the thread that was at it was stopped",
    fix: "retry; if it stays so, remove the artifact the message names from the registry",
  },
  VERIFY_CRASHED: {
    means: "the thread that verified a signature or attestation ended, by its own fault or out of memory",
    fix: "retry; if it stays so, remove the artifact the message names from the registry",
  },
  VERIFY_BUSY: {
    means: "as many signatures and attestations wait to be verified as the gate takes",
    fix: "retry in some seconds; give the gate more threads (verify.threads) if it stays so",
  },
  VERIFY_UNAVAILABLE: {
    means: "no thread that verifies signatures could be started",
    fix: "look at the gate's memory limit and its log, then retry",
  },
} as const;

export type VerifyCode = keyof typeof VERIFY_ERRORS;
