/**
 * Snapshot v1: all that one sidecar must know, compiled by the control plane from the cluster's objects.
 *
 * Immutable and hashed: `version` is the SHA-256 (hex) of the canonical JSON of every other field, so equal content
 * has an equal version. A reader ignores fields it does not know (sidecar and control plane work one minor version
 * apart) and refuses another `apiVersion`.
 */
export const SNAPSHOT_API_VERSION = "outrider.dev/snapshot.v1";

export interface Snapshot {
  readonly apiVersion: typeof SNAPSHOT_API_VERSION;
  readonly version: string;
  readonly workload: Workload;
  readonly mtls: MtlsMode;
  readonly inbound: readonly InboundPort[];
  /** Who may connect in, by NetworkPolicy; per target port inside. */
  readonly ingress: CompiledPolicy;
  readonly outbound: readonly OutboundService[];
  /** Where this pod may connect to, by NetworkPolicy. */
  readonly egress: CompiledPolicy;
  /** Pods this snapshot's rules or endpoints speak of, by pod uid. */
  readonly peers: Readonly<Record<string, Peer>>;
}

/** strict refuses plain text on inbound ports; permissive accepts it and calls the peer unauthenticated. */
export type MtlsMode = "strict" | "permissive";

export interface Workload {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly serviceAccount: string;
  /** spiffe://<trust-domain>/ns/<namespace>/sa/<service-account> */
  readonly spiffeId: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The first Service that selects the pod, or the app label, or the pod's name: what metrics call it. */
  readonly service: string;
}

export interface Peer {
  readonly namespace: string;
  readonly pod: string;
  readonly serviceAccount: string;
  readonly spiffeId: string;
  readonly ip: string;
  readonly service: string;
}

export interface InboundPort {
  /** The pod's port that peers dial (a Service's targetPort). */
  readonly port: number;
  readonly protocol: "http" | "tcp";
  /** From the Service port's name, empty when unnamed. */
  readonly name: string;
}

export interface OutboundService {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly protocol: "http" | "tcp";
  /** Authorities (lower case, without port) that mean this service: name, name.ns, name.ns.svc, name.ns.svc.cluster.local. */
  readonly hosts: readonly string[];
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly ip: string;
  /** The target port on the pod. */
  readonly port: number;
  /** Empty for an endpoint without a pod (an external address): dialled in plain text, never as a mesh peer. */
  readonly podUid: string;
  /** The id its certificate must carry; empty when unmeshed. */
  readonly spiffeId: string;
}

/**
 * NetworkPolicy for one pod and one direction, selectors already resolved to pod uids.
 * `isolated: false` means no policy selects the pod in this direction, so everything is allowed.
 * @see https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export interface CompiledPolicy {
  /** Which way; refusals say it. */
  readonly direction?: "ingress" | "egress";
  readonly isolated: boolean;
  /** The policies that isolate: named in the refusal when no rule matches. */
  readonly isolatedBy: readonly string[];
  readonly rules: readonly CompiledRule[];
}

export interface CompiledRule {
  /** "NetworkPolicy shop/payments ingress[0]" */
  readonly name: string;
  /** "manifests/policy.yaml:12", empty when the objects came from an API server. */
  readonly source: string;
  /** `undefined` (absent) means any peer. */
  readonly peers?: { readonly podUids: readonly string[]; readonly cidrs: readonly CidrPeer[] };
  /** `undefined` (absent) means any port. Named ports are resolved at compile time for the pod they belong to. */
  readonly ports?: readonly PortRange[];
}

export interface CidrPeer {
  readonly cidr: string;
  readonly except: readonly string[];
}

export interface PortRange {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly from: number;
  readonly to: number;
  /** For egress to a named port: only these pods' port is meant; absent means every peer. */
  readonly podUids?: readonly string[];
}

/** Messages of the snapshot stream: one JSON object a line over mutual TLS, ALPN `outrider-snapshot/1`. */
export const SNAPSHOT_ALPN = "outrider-snapshot/1";
/** Longest line of the stream, in bytes. */
export const SNAPSHOT_LINE_LIMIT_BYTES = 16 * 1024 * 1024;

export type SidecarMessage =
  | { readonly type: "hello"; readonly podUid: string; readonly have?: string }
  | { readonly type: "ack"; readonly version: string }
  | { readonly type: "nack"; readonly version: string; readonly reason: string };

export type MeshMessage =
  | { readonly type: "snapshot"; readonly snapshot: Snapshot }
  | { readonly type: "error"; readonly code: string; readonly message: string };
