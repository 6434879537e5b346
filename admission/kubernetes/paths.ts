/** Our own kinds. */
export const CRD_GROUP = "outrider.dev";
const CRD_VERSION = "v1alpha1";
export const CRD_VERSION_NAME = `${CRD_GROUP}/${CRD_VERSION}`;

/** Where the API server keeps what the gate reads and writes. @see Kubernetes API reference */
export const PATHS = {
  imagePolicies: `/apis/${CRD_GROUP}/${CRD_VERSION}/imagepolicies`,
  trustRoots: `/apis/${CRD_GROUP}/${CRD_VERSION}/trustroots`,
  namespaces: "/api/v1/namespaces",
  pods: "/api/v1/pods",
  validating: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
  mutating: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
  admissionPolicies: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
  admissionPolicyBindings: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
  secrets: (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`,
  leases: (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
} as const;

/** Whether a text can be an object's name, and so a part of a path. @see RFC 1123, as Kubernetes reads it */
export function isObjectName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text) && !text.includes("..");
}
