/** Codes of the cluster folder. Faults inside manifests are CONFIG_INVALID, all of them at once. */
export const CLUSTER_ERRORS = {
  CLUSTER_FOLDER: {
    means: "the folder of manifests is missing, not readable, or holds more than the limits allow",
    fix: "check the path; point cluster.folder at the folder that holds the YAML of your cluster",
  },
} as const;
