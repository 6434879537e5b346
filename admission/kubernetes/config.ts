import { z } from "zod";
import { SECOND_MS } from "../../core/base/clock.ts";
import { durationField } from "../../core/base/duration.ts";

/** @see Kubernetes admissionregistration/v1, `timeoutSeconds`: whole seconds, 1 to 30 */
const TIMEOUT_MS = { least: SECOND_MS, most: 30 * SECOND_MS };
const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'expected a name of a-z, 0-9 and "-", such as "outrider-system"');

/** How the API server reaches the webhook: through a Service of our namespace, or by URL. */
const reach = z
  .strictObject({
    service: z.strictObject({ name: dnsLabel, port: z.int().min(1).max(65_535).default(443) }).exactOptional(),
    url: z
      .url({ protocol: /^https$/, error: "expected an https URL without a path" })
      .transform((url) => url.replace(/\/+$/, ""))
      .exactOptional(),
  })
  .refine(({ service, url }) => (service === undefined) !== (url === undefined), "expected one of service and url");

/**
 * The cluster whose API server calls this webhook. With it, policies, namespaces and running images come from there,
 * the certificate authority is shared through a Secret, and the webhook registers itself.
 */
export const kubernetesSchema = z
  .strictObject({
    /** A kubeconfig file, of which the current context counts. */
    kubeconfig: z.string().min(1).exactOptional(),
    /** The pod's own service account. */
    inCluster: z.literal(true).exactOptional(),
    /** Our own: where the Secret, the Lease and the Service are. Its pods are not judged by us. */
    namespace: dnsLabel.default("outrider-system"),
    /** Left out: nothing is registered, somebody else wrote the webhook configurations. */
    register: reach.exactOptional(),
    /** Namespaces that must work while the webhook does not: judged when it is there, admitted when it is not. */
    bootstrapNamespaces: z.array(dnsLabel).default(["kube-system"]),
    /** Namespaces whose pods may bring their pull secrets; the gate's role must be bound there, too. */
    pullSecrets: z.strictObject({ namespaces: z.array(dnsLabel).default([]) }).prefault({}),
    /** How long the API server waits for one review. */
    timeout: durationField
      .refine((ms) => ms >= TIMEOUT_MS.least && ms <= TIMEOUT_MS.most && ms % SECOND_MS === 0, {
        error: 'expected whole seconds from "1s" to "30s"',
      })
      .default(10 * SECOND_MS),
  })
  .refine(({ kubeconfig, inCluster }) => (kubeconfig === undefined) !== (inCluster === undefined), {
    error: "expected one of kubeconfig and inCluster",
  });

export type KubernetesConfig = z.output<typeof kubernetesSchema>;
