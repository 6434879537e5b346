import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "kubernetes-types/admissionregistration/v1.d.ts";
import { CONFIGURATION_NAME } from "./webhooks.ts";

const NAME = `${CONFIGURATION_NAME}-own-namespace`;
const PINNED = "@sha256:[0-9a-f]{64}$";

/** CEL. Every list that holds images, absent ones included. */
const IMAGES = [
  "object.spec.containers.map(c, c.image)",
  "(has(object.spec.initContainers) ? object.spec.initContainers.map(c, c.image) : [])",
  "(has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers.map(c, c.image) : [])",
  "(has(object.spec.volumes) ? object.spec.volumes.filter(v, has(v.image)).map(v, v.image.reference) : [])",
].join(" + ");

/**
 * Holds our own namespace, whose pods the webhook does not judge because it could then never start again: the API server
 * itself refuses there what does not name its digest.
 */
export function ownNamespacePolicy(
  namespace: string,
): readonly [ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding] {
  const head = { apiVersion: "admissionregistration.k8s.io/v1", metadata: { name: NAME } } as const;
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": namespace } };
  const pods = {
    apiGroups: [""],
    apiVersions: ["v1"],
    operations: ["CREATE", "UPDATE"],
    resources: ["pods", "pods/ephemeralcontainers"],
  };
  const policy: ValidatingAdmissionPolicy = {
    ...head,
    kind: "ValidatingAdmissionPolicy",
    spec: {
      failurePolicy: "Fail",
      matchConstraints: { namespaceSelector, resourceRules: [pods] },
      variables: [{ name: "images", expression: IMAGES }],
      validations: [
        {
          expression: `variables.images.all(image, image.matches('${PINNED}'))`,
          message:
            "IMG_NOT_PINNED: found an image without a digest; fix: name every image of this namespace by @sha256",
        },
      ],
    },
  };
  const binding: ValidatingAdmissionPolicyBinding = {
    ...head,
    kind: "ValidatingAdmissionPolicyBinding",
    spec: { policyName: NAME, validationActions: ["Deny"], matchResources: { namespaceSelector } },
  };
  return [policy, binding];
}
