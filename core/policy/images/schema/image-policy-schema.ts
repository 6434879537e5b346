import { z } from "zod";
import { SEVERITIES, SIGNER_ROLES } from "../../evidence.ts";
import { versionField } from "../version.ts";
import { type Authority, authoritySchema } from "./authority.ts";
import { contradictions } from "./contradictions.ts";
import {
  AUTHORITIES_PER_POLICY,
  ageField,
  cel,
  digestField,
  GLOBS_PER_POLICY,
  imageGlobField,
  nameField,
  thresholdField,
} from "./fields.ts";
import { selectorField } from "./selector.ts";

export type { Authority } from "./authority.ts";

/** Most attestation rules of one policy. */
export const ATTESTATIONS_PER_POLICY = 32;
/** The statement that an approver makes, unless the policy names another. */
export const APPROVAL_PREDICATE = "https://outrider.dev/approval/v1";

const namespaces = z.array(z.string().min(1).max(63)).min(1).max(GLOBS_PER_POLICY);
const globs = z.array(imageGlobField).max(GLOBS_PER_POLICY);
const mode = z.enum(["enforce", "warn", "audit"]);
const by = z.array(nameField).min(1).max(AUTHORITIES_PER_POLICY).optional();

const match = z.strictObject({
  images: globs.default([]).describe("Globs by path segment over host/repository; none only where spec.pods is given."),
  namespaces: namespaces.optional().describe("Exact namespaces. Absent, with no namespaceSelector: every namespace."),
  namespaceSelector: selectorField.optional().describe("Namespaces by their labels. With namespaces: both must match."),
  labels: selectorField.optional().describe("Pods by their own labels, which their authors choose. Absent: every pod."),
});

const signatures = z.strictObject({
  require: thresholdField.describe("How many of the release authorities must have signed: any, all or { atLeast: n }."),
  sameRepository: z
    .boolean()
    .default(false)
    .describe("A signature must name this very repository, so that one made for another cannot be replayed here."),
  maxAge: ageField
    .optional()
    .describe("A signature counts only so long after a time that a log or timestamp vouches for."),
});

const attestation = z.strictObject({
  name: z.string().min(1).max(128).optional().describe("How messages call this rule."),
  predicateType: z
    .string()
    .min(1)
    .max(256)
    .regex(
      /^(?:slsa-provenance|spdx|cyclonedx|vuln|[a-z][a-z0-9+.-]*:\S+)$/,
      "expected slsa-provenance, spdx, cyclonedx, vuln or a URI",
    )
    .describe("slsa-provenance, spdx, cyclonedx, vuln, or the predicate type's URI."),
  role: z.enum(SIGNER_ROLES).optional().describe("Only authorities of this role count."),
  by: by.describe("Only these authorities count."),
  require: thresholdField.describe("How many of the authorities that count must have attested."),
  maxAge: ageField.optional().describe("An attestation counts only so long after its trusted time."),
});

const approvals = z.strictObject({
  require: thresholdField.describe("How many of the approvers must have approved this digest."),
  by: by.describe("Only these authorities of role approver count."),
  predicateType: z.string().min(1).max(256).default(APPROVAL_PREDICATE).describe("The statement's predicate type."),
  maxAge: ageField.optional().describe("An approval counts only so long after its trusted time."),
});

const deny = z
  .strictObject({
    digests: z.array(digestField).max(4096).default([]).describe("Images that may not run, whoever signed them."),
    images: globs.default([]).describe("Repositories whose images may not run, as globs."),
  })
  .refine(({ digests, images }) => digests.length + images.length > 0, "expected at least one digest or image glob")
  .meta(cel("size(self.digests) + size(self.images) > 0", "expected at least one digest or image glob"));

const minimumVersion = z.strictObject({
  image: imageGlobField.describe("The repositories that this speaks of, as a glob."),
  version: versionField.describe("The least version a tag may name, as in semantic versioning: 1.4.0."),
});

const scan = z.strictObject({
  maxAge: ageField.describe("How old a scan, and the database it looked in, may be."),
  refuse: z.array(z.enum(SEVERITIES)).default(["critical"]).describe("Severities that may not be found."),
  onlyFixable: z.boolean().default(false).describe("Count only findings that a newer package mends."),
  grace: ageField
    .optional()
    .describe(
      "How much older the scan of a digest that runs in the namespace may be; while it runs, its look-up may also fail.",
    ),
});

const pods = z.strictObject({
  podSecurity: z
    .enum(["baseline", "restricted", "privileged"])
    .optional()
    .describe("The Pod Security level pods must meet."),
  podSecurityVersion: z
    .string()
    .regex(/^(?:latest|v1\.\d{1,3})$/, 'expected "latest" or a version such as "v1.34"')
    .default("latest")
    .describe('The Kubernetes version whose checks make up the level: "latest" or "v1.34".'),
  rego: z
    .array(
      z.strictObject({
        library: z.string().min(1).describe("The rule's name in the library."),
        parameters: z
          .record(z.string(), z.unknown())
          .default({})
          .describe("What the rule is given, besides the object."),
      }),
    )
    .default([])
    .describe("Rules of the Rego library that pods must meet."),
  inject: z.boolean().default(false).describe("Give pods the sidecar, and refuse a pod that has lost or changed it."),
  optOut: z
    .enum(["allowed", "refused"])
    .default("allowed")
    .describe("Whether a pod may do without the sidecar: by annotation, or because it runs on the host's network."),
});

const modeRule = z
  .strictObject({
    namespaces: namespaces.optional().describe("Exact namespaces."),
    namespaceSelector: selectorField
      .optional()
      .describe("Namespaces by their labels. With namespaces: both must match."),
    mode: mode.describe("What a violation does there: enforce, warn or audit."),
  })
  .refine((one) => one.namespaces !== undefined || one.namespaceSelector !== undefined, {
    message: "expected namespaces or namespaceSelector",
  })
  .meta(cel("has(self.namespaces) || has(self.namespaceSelector)", "expected namespaces or namespaceSelector"));

const CEL_OF_SPEC = {
  "x-kubernetes-validations": [
    {
      rule: "size(self.match.images) > 0 || has(self.pods)",
      message: "expected at least one image glob in match.images, or pods",
    },
    {
      rule: "!has(self.signatures) || (has(self.authorities) && self.authorities.exists(one, one.role == 'release'))",
      message: "signatures wants an authority of role release",
    },
    {
      rule: "!has(self.approvals) || (has(self.authorities) && self.authorities.exists(one, one.role == 'approver'))",
      message: "approvals wants an authority of role approver",
    },
  ],
};

/** Also what the custom resource's schema is generated from: every field is described for `kubectl explain`. */
const spec = z.strictObject({
  match: match.describe("What this policy speaks of."),
  mode: mode
    .default("enforce")
    .describe("What a violation does: enforce refuses, warn tells the client, audit only records."),
  modes: z
    .array(modeRule)
    .max(GLOBS_PER_POLICY)
    .default([])
    .describe("Other modes for some namespaces; the first that matches counts."),
  onUndecided: z
    .enum(["deny", "allow-audited"])
    .default("deny")
    .describe(
      "What an image is whose evidence cannot be looked up: refused, or admitted with a warning and an audit record. With allow-audited, whoever can make a registry fail can run any image of it.",
    ),
  authorities: z
    .array(authoritySchema)
    .max(AUTHORITIES_PER_POLICY)
    .default([])
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] })
    .describe("Who may vouch for images, and for what."),
  signatures: signatures.optional().describe("Who must have signed the image."),
  attestations: z
    .array(attestation)
    .max(ATTESTATIONS_PER_POLICY)
    .default([])
    .describe("What must have been attested of the image."),
  approvals: approvals.optional().describe("Who must have approved the image, none of whom signed it."),
  deny: deny.optional().describe("Images that are refused whatever their evidence."),
  minimumVersions: z
    .array(minimumVersion)
    .max(GLOBS_PER_POLICY)
    .default([])
    .describe(
      "The least versions that may run, by tag. Who writes a digest beside the tag vouches for the two himself.",
    ),
  scan: scan.optional().describe("What a vulnerability scan of the image must say."),
  pinDigests: z
    .boolean()
    .default(true)
    .describe("Images must be named by digest; Pods get it written in when they are created."),
  pods: pods.optional().describe("What the pod itself must meet, whichever its images."),
});

export type ImagePolicySpec = z.output<typeof spec>;

/**
 * ImagePolicy, outrider.dev/v1alpha1: which images may run where, on whose word.
 * A policy that could never be met (more signers wanted than named, a scan wanted and no scanner named, one key in two
 * roles) is refused here rather than by every admission.
 */
export const imagePolicySchema = z.strictObject({
  apiVersion: z.literal("outrider.dev/v1alpha1"),
  kind: z.literal("ImagePolicy"),
  metadata: z.object({ name: nameField, annotations: z.record(z.string(), z.string()).optional() }),
  spec: spec
    .superRefine((value, context) => {
      for (const { path, message } of contradictions(value))
        context.addIssue({ code: "custom", path: [...path], message });
    })
    .meta({ ...CEL_OF_SPEC, description: "Which images and pods may run where, and on whose word." }),
});

/** An ImagePolicy as its file has it: trust roots by name. */
export type ImagePolicyDocument = z.output<typeof imagePolicySchema>;

/** A policy in force: every authority carries the trust root that it names. Only `resolvePolicy` makes one. */
export type ImagePolicy = Omit<ImagePolicyDocument, "spec"> & {
  readonly spec: Omit<ImagePolicySpec, "authorities"> & { readonly authorities: readonly Authority[] };
};
