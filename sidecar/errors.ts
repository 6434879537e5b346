import { CodedError } from "../core/base/errors.ts";
import { HTTP1_ERRORS } from "../core/wire/http1/errors.ts";

/** Codes of the sidecar; `status` is what a request is answered with. */
const OWN_ERRORS = {
  MTLS_REQUIRED: {
    status: 403,
    means: "plain text arrived at a port that takes mutual TLS only (strict mode)",
    fix: "call through the caller's own sidecar, or set outrider.dev/mtls: permissive on the namespace",
  },
  MTLS_FAILED: {
    status: 502,
    means: "the TLS handshake with a peer failed: no certificate, one of another authority, or an older protocol",
    fix: "compare the trust bundles of both sides and that the peer runs a sidecar of this mesh",
  },
  POLICY_DENIED: {
    status: 403,
    means: "a NetworkPolicy allows this connection to nobody like the caller",
    fix: "add a rule for the caller; `outrider explain` shows which policy isolates the pod",
  },
  NO_SNAPSHOT: {
    status: 503,
    means: "the sidecar has no configuration yet, from the control plane or from disk",
    fix: "check that the mesh process runs and that control.address names it",
  },
  ROUTE_UNKNOWN: {
    status: 502,
    means: "Host names no service of the snapshot",
    fix: "call a Service by its name, name.namespace or name.namespace.svc, with its port",
  },
  NO_ENDPOINT: {
    status: 503,
    means: "the service has no ready endpoint",
    fix: "check the pods behind the Service and their readiness",
  },
  UPSTREAM_UNREACHABLE: {
    status: 503,
    means: "no endpoint of the service took a connection",
    fix: "check that the pods and their sidecars run",
  },
  UPSTREAM_TIMEOUT: {
    status: 504,
    means: "the upstream did not answer in time",
    fix: "look at the upstream's latency; the limit is RESPONSE_MS",
  },
  UPSTREAM_CLOSED: {
    status: 502,
    means: "the upstream closed the connection before its response was complete",
    fix: "look for a crash or restart of the upstream; a request that may have been taken is not repeated",
  },
  UPSTREAM_MALFORMED: {
    status: 502,
    means: "the upstream's response is ambiguous or broken; the cause says how",
    fix: "correct the upstream's HTTP; see the HTTP1_ code in the message",
  },
  OVERLOADED: {
    status: 503,
    means: "too many requests in flight at every endpoint",
    fix: "add replicas or slow the callers down; the limit is PENDING_LIMIT_PER_ENDPOINT",
  },
  UPGRADE_UNSUPPORTED: {
    status: 501,
    means: "CONNECT, or an Upgrade to another protocol such as WebSocket",
    fix: "declare the port as tcp (service port name tcp-…) until tunnels are supported",
  },
  REQUEST_TIMEOUT: {
    status: 408,
    means: "the request did not arrive in time",
    fix: "send the head within HEAD_MS and keep the body moving",
  },
  CONTROL_SNAPSHOT_INVALID: {
    status: 503,
    means: "the control plane sent a snapshot of another version, for another pod, or whose hash does not match",
    fix: "run sidecar and mesh at most one minor version apart; the last good snapshot stays in force",
  },
  EXPORT_FAILED: {
    status: 503,
    means: "the collector did not take spans or metrics",
    fix: "check collector.url and that it runs; counters are cumulative, so only spans beyond the queue are lost",
  },
  ADMIN_REQUEST_INVALID: {
    status: 400,
    means: "the admin request's body is not what the endpoint takes",
    fix: "see the fields in the message",
  },
} as const;

export const SIDECAR_ERRORS = { ...OWN_ERRORS, ...HTTP1_ERRORS } as const;
export const SIDECAR_CODES = Object.keys(SIDECAR_ERRORS) as readonly (keyof typeof SIDECAR_ERRORS)[];

export type SidecarCode = keyof typeof OWN_ERRORS;

/** A refusal with the status a client is answered with. */
export class SidecarError extends CodedError {
  declare readonly code: SidecarCode;
  readonly status: number;

  constructor(code: SidecarCode, message?: string, options?: { readonly cause?: unknown; readonly fix?: string }) {
    super(code, message ?? OWN_ERRORS[code].means, options?.fix ?? OWN_ERRORS[code].fix, options);
    this.status = OWN_ERRORS[code].status;
  }
}

/** A refusal by policy: carries the rule, which only meshed peers are told. */
export class PolicyDenied extends SidecarError {
  readonly rule: string;

  constructor(verdict: { readonly rule: string; readonly message: string; readonly fix: string }) {
    super("POLICY_DENIED", verdict.message, { fix: verdict.fix });
    this.rule = verdict.rule;
  }
}
