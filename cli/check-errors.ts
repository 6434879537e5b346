/** Codes of `outrider check` and `outrider scan`. docs/errors.md has one row per code and a test compares the two. */
export const CHECK_ERRORS = {
  CLI_OPTION: {
    means: "an option's value is not of the form it takes",
    fix: "write it as the message shows; outrider COMMAND --help lists the options",
  },
  CLI_NOTHING_TO_CHECK: {
    means: "no object of the files holds a pod spec, so there is nothing to judge",
    fix: "name files that hold Pods, Deployments or other workloads",
  },
} as const;
