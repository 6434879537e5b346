/** Codes of `outrider inject`. docs/errors.md has one row per code and a test compares the two. */
export const INJECT_ERRORS = {
  INJECT_REFUSED: {
    means: "a workload cannot have the sidecar: something in it is the sidecar's, or cannot go through it",
    fix: "correct the places that the message names, or opt the pod out with outrider.dev/inject: disabled",
  },
} as const;
