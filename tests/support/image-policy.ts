import { type ImagePolicy, imagePolicySchema } from "../../core/policy/images/schema/image-policy-schema.ts";
import { resolvePolicy, type TrustRoots } from "../../core/policy/images/schema/resolve-policy.ts";

/** A policy in force, from its spec as a file would have it. @throws when the schema or a trust root's name is wrong */
export function imagePolicy(spec: object, roots: TrustRoots = new Map(), name = "production"): ImagePolicy {
  const document = { apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name }, spec };
  const resolution = resolvePolicy(imagePolicySchema.parse(document), roots);
  if (resolution.kind === "resolved") return resolution.policy;
  throw new Error(resolution.problems.map(({ path, message }) => `${path}: ${message}`).join("; "));
}
