/** Codes of the cluster folder. Faults inside manifests are CONFIG_INVALID, all of them at once. */
export const CLUSTER_ERRORS = {
  CLUSTER_FOLDER: {
    means: "the folder of manifests is missing, not readable, or holds more than the limits allow",
    fix: "check the path; point cluster.folder at the folder that holds the YAML of your cluster",
  },
  KUBECONFIG_INVALID: {
    means: "the kubeconfig, or the pod's own service account, names no API server that can be asked",
    fix: "check the file with kubectl --kubeconfig FILE version; in a pod, mount its service account token",
  },
  API_SERVER_UNREACHABLE: {
    means: "the API server did not answer, or its answer broke off",
    fix: "check the server's address in the kubeconfig and that the network lets this process reach it",
  },
  API_OBJECT_MISSING: {
    means: "the API server has no such object, or no such kind",
    fix: "apply the manifests of deploy/, the CustomResourceDefinitions first",
  },
  API_CONFLICT: {
    means: "somebody else changed or made the object meanwhile",
    fix: "read it again and repeat the change; the gate does so by itself",
  },
  API_LIST_EXPIRED: {
    means: "the API server no longer knows the version of a list that a watch wants to go on from",
    fix: "nothing: the list is read anew",
  },
  API_FORBIDDEN: {
    means: "the API server does not let this service account do what it must",
    fix: "apply deploy/rbac.yaml; kubectl auth can-i says what is missing",
  },
  API_REFUSED: {
    means: "the API server refused a request for a reason of its own, which the message has",
    fix: "follow the message; a field that is not known means that the API server is older than this version needs",
  },
  API_TOO_LARGE: {
    means: "the API server's answer is larger, or a list longer, than is read",
    fix: "remove objects that are not needed; what was read before stays in force",
  },
} as const;

export type ClusterCode = keyof typeof CLUSTER_ERRORS;
