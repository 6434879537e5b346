/** Codes of `outrider explain`. docs/errors.md has one row per code and a test compares the two. */
export const EXPLAIN_ERRORS = {
  CLI_NO_SUCH_WORKLOAD: {
    means: "a name stands for no pod, Deployment, app label or Service of the folder",
    fix: "write namespace/name as the manifests have it; pods need status.podIP unless a Deployment describes them",
  },
  CLI_AMBIGUOUS: {
    means: "a name without namespace fits several, or a port was left out where there are several",
    fix: "write namespace/name:port",
  },
  CLI_NO_SUCH_PORT: {
    means: "the destination has no such port",
    fix: "use a port of the Service, or a port number of the pod",
  },
} as const;
