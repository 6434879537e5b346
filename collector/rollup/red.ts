/** The sidecars' series that the collector itself reads; a test holds these against sidecar/metrics.ts. */
export const RED_SERIES = {
  requests: "outrider_requests_total",
  duration: "outrider_request_duration_seconds",
  denied: "outrider_denied_total",
} as const;

/** A status code that counts as the server's failure. */
export function isServerError(status: string | undefined): boolean {
  return status !== undefined && /^5\d\d$/.test(status);
}
