/** Every code the gate raises or denies with. docs/errors.md has one row for each. */
export const ADMISSION_ERRORS = {
  REVIEW_MALFORMED: {
    means: "the request is not an AdmissionReview of admission.k8s.io/v1",
    fix: "register the webhook with admissionReviewVersions: [v1] and send JSON",
  },
  REVIEW_NO_DOOR: {
    means: "the webhook answers nothing at this path, or not by this method",
    fix: "POST AdmissionReviews to /validate or /mutate",
  },
  REVIEW_SLOW: {
    means: "the review did not arrive whole within its time-out",
    fix: "retry; if it stays, look at the network between the API server and the webhook",
  },
  REVIEW_TOO_LARGE: {
    means: "the review is larger than the gate reads",
    fix: "make the object smaller; it cannot be judged, so it is refused",
  },
  REVIEW_BUSY: {
    means: "the gate has as many reviews under way as it takes",
    fix: "retry; if it stays, run more replicas of the webhook",
  },
  NAMESPACE_UNKNOWN: {
    means: "the labels of the object's namespace are not known, so neither are the rules that apply there",
    fix: "retry; if it stays, see that the namespace exists and that the gate may read namespaces",
  },
  REVIEW_CALLER_UNKNOWN: {
    means: "whoever asks for a review did not show a certificate that tls.clientCa and tls.clientNames accept",
    fix: "give the API server a client certificate for webhooks (--admission-control-config-file), or drop tls.clientCa",
  },
  POD_TOO_MANY_IMAGES: {
    means: "an object names more images than the gate judges",
    fix: "split it into several objects",
  },
  SIDECAR_UID_TAKEN: {
    means: "a container runs as the sidecar's own user, so it could read its keys",
    fix: "choose another runAsUser for the container",
  },
  SIDECAR_CONFIG: {
    means: "an annotation that configures the sidecar is not a Kubernetes quantity",
    fix: 'write a quantity such as "100m" or "64Mi"',
  },
  SIDECAR_VOLUME_TAKEN: {
    means: "a container mounts a volume that belongs to the sidecar, and could read its token or change what it keeps",
    fix: "remove the mount",
  },
  SIDECAR_NAME_TAKEN: {
    means: "a container that is not the sidecar has its name",
    fix: "rename the container",
  },
  SIDECAR_TARGETED: {
    means: "a debug container wants to enter the sidecar's process namespace",
    fix: "target one of the application's containers",
  },
  SIDECAR_PROBE: {
    means: "a probe or hook cannot be made by the sidecar: its port belongs to sidecars, or it is over a limit",
    fix: "correct the probe the message names",
  },
  SIDECAR_PROBE_DIRECT: {
    means: "a probe does not go through the sidecar; with strict mutual TLS the kubelet cannot make it",
    fix: "let the webhook be called again after others have changed the pod (reinvocationPolicy: IfNeeded)",
  },
  SIDECAR_MISSING: {
    means: "a policy wants the sidecar in this pod and it is not there",
    fix: "create the pod again, and check that the mutating webhook is registered",
  },
  SIDECAR_ALTERED: {
    means: "the pod's sidecar, or a volume of it, is not as it was injected",
    fix: "keep other webhooks and kubectl set image away from the sidecar",
  },
  SIDECAR_OPT_OUT: {
    means: "a pod does without the sidecar where the policy refuses that",
    fix: "remove the annotation or field the message names, or set optOut: allowed in the policy",
  },
  AUDIT_KEY: {
    means: "the key that signs or verifies the decision log's checkpoints is missing or no Ed25519 key",
    fix: "name the public key that was written beside the log (decisions.pub), or a copy of it",
  },
  AUDIT_CUT: {
    means: "the decision log ends before its own newest checkpoint: part of it was taken away",
    fix: "move the folder aside as evidence and start with an empty one; outrider audit verify says what is missing",
  },
  AUDIT_IN_USE: {
    means: "another process writes the decision log of this state folder",
    fix: "give each replica a stateDir of its own, or wait until the other process has ended: its lock ends with it",
  },
  AUDIT_UNWRITABLE: {
    means: "the decision could not be recorded, and the configuration says to refuse then (audit.whenUnwritable)",
    fix: "free disk space or mend the disk; the gate goes on by itself",
  },
  REGO_VIOLATION: { means: "a Rego rule of the policy found something", fix: "follow the fix in the message" },
  REGO_FAILED: {
    means: "a Rego rule could not be evaluated; a failing built-in counts, too",
    fix: "correct the rule or its parameters; until then what it covers is not admitted",
  },
  REGO_TIMEOUT: {
    means: "a Rego rule ran longer than it may and was stopped",
    fix: "make the rule cheaper; a rule that loops never ends by itself",
  },
  REGO_BUILTIN_MISSING: {
    means: "compiled Rego calls a built-in that its runtime does not have",
    fix: "rewrite the rule without that built-in and compile it again",
  },
  REGO_UNKNOWN_RULE: {
    means: "a policy names a library rule that does not exist",
    fix: "use one of the names listed in the message",
  },
  EVIDENCE_UNKNOWN: {
    means: "a policy that only warns, or that admits what cannot be looked up, could not find out what it asks for",
    fix: "retry; the message says what failed",
  },
} as const;

export type AdmissionCode = keyof typeof ADMISSION_ERRORS;
