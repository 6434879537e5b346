import { CodedError } from "../../core/base/errors.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import type { KubernetesConfig } from "./config.ts";
import { ownNamespacePolicy } from "./own-namespace.ts";
import { PATHS } from "./paths.ts";
import { CONFIGURATION_NAME, mutatingConfiguration, validatingConfiguration } from "./webhooks.ts";

/** Tries again after somebody else's write came first. */
const CONFLICT_RETRIES = 5;
const FIELD_MANAGER = "outrider-admission";

/** The gate's own objects in the API server that make it be asked. */
export interface Registration {
  /**
   * Makes every webhook configuration there is trust these anchors too. Done before anything is served from a new one.
   *
   * @throws {CodedError} when the API server could not be asked: then nobody may be served from a new anchor
   */
  trust(anchorsPem: string): Promise<void>;
  /** Makes the configurations and the policy of our own namespace, or puts them right. The leader's work. */
  reconcile(anchorsPem: string): Promise<void>;
}

interface Configuration extends ApiObject {
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

export function createRegistration(api: ApiServer, config: KubernetesConfig): Registration {
  return {
    trust: async (anchorsPem) => {
      for (const path of [PATHS.validating, PATHS.mutating])
        await trustIn(api, `${path}/${CONFIGURATION_NAME}`, anchorsPem);
    },
    reconcile: async (anchorsPem) => {
      if (config.register === undefined) return;
      const owner = await ownerOf(api, config.namespace);
      const [policy, binding] = ownNamespacePolicy(config.namespace);
      await apply(api, PATHS.admissionPolicies, owned(policy, owner));
      await apply(api, PATHS.admissionPolicyBindings, owned(binding, owner));
      await apply(api, PATHS.validating, owned(validatingConfiguration(config, anchorsPem), owner));
      await apply(api, PATHS.mutating, owned(mutatingConfiguration(config, anchorsPem), owner));
    },
  };
}

/** Only the anchors: the rest may be of another version of ours, whose leader has yet to come. */
async function trustIn(api: ApiServer, path: string, anchorsPem: string): Promise<void> {
  const caBundle = Buffer.from(anchorsPem).toString("base64");
  for (let retry = 0; ; retry++) {
    try {
      const found = await api.ask<Configuration>({ path });
      const webhooks = found.webhooks ?? [];
      if (webhooks.every(({ clientConfig }) => trusts(clientConfig.caBundle, anchorsPem))) return;
      const trusting = webhooks.map((hook) => ({ ...hook, clientConfig: { ...hook.clientConfig, caBundle } }));
      await api.ask({ method: "PUT", path, body: { ...found, webhooks: trusting } });
      return;
    } catch (thrown) {
      const code = thrown instanceof CodedError ? thrown.code : "";
      if (code === "API_OBJECT_MISSING") return;
      if (code !== "API_CONFLICT" || retry >= CONFLICT_RETRIES) throw thrown;
    }
  }
}

function trusts(caBundle: string | undefined, anchorsPem: string): boolean {
  const trusted = Buffer.from(caBundle ?? "", "base64").toString("utf8");
  return anchorsOf(anchorsPem).every((anchor) => trusted.includes(anchor));
}

function anchorsOf(pem: string): string[] {
  return pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter((anchor) => anchor.trim() !== "");
}

/** Deleting our namespace takes the configurations with it, so that no cluster is left asking a webhook that is gone. */
async function ownerOf(api: ApiServer, namespace: string): Promise<object> {
  const { metadata } = await api.ask<ApiObject>({ path: `${PATHS.namespaces}/${namespace}` });
  return { apiVersion: "v1", kind: "Namespace", name: namespace, uid: metadata.uid };
}

function owned<T extends { readonly metadata?: object }>(object: T, owner: object): T {
  return { ...object, metadata: { ...object.metadata, ownerReferences: [owner] } };
}

/** @see Kubernetes documentation, "Server-Side Apply": repeating it changes nothing */
async function apply(api: ApiServer, path: string, body: { readonly metadata?: { readonly name?: string } }) {
  const query = `fieldManager=${FIELD_MANAGER}&force=true`;
  const contentType = "application/apply-patch+yaml";
  await api.ask({ method: "PATCH", path: `${path}/${body.metadata?.name}?${query}`, body, contentType });
}
