import { CodedError } from "../../core/base/errors.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import type { KubernetesConfig } from "./config.ts";
import { ownNamespacePolicy } from "./own-namespace.ts";
import { PATHS } from "./paths.ts";
import { CONFIGURATION_NAME, mutatingConfiguration, validatingConfiguration } from "./webhooks.ts";

/** Tries again after somebody else's write came first. */
const CONFLICT_RETRIES = 5;

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

/** @param onRepaired  told the name of each object that was not as it should be, and is now */
export function createRegistration(
  api: ApiServer,
  config: KubernetesConfig,
  onRepaired: (name: string) => void = () => {},
): Registration {
  const keep = (path: string, wanted: ApiObject) => putRight(api, path, wanted, onRepaired);
  return {
    trust: async (anchorsPem) => {
      for (const path of [PATHS.validating, PATHS.mutating])
        await trustIn(api, `${path}/${CONFIGURATION_NAME}`, anchorsPem);
    },
    reconcile: async (anchorsPem) => {
      if (config.register === undefined) return;
      const owner = await ownerOf(api, config.namespace);
      const [policy, binding] = ownNamespacePolicy(config.namespace);
      await keep(PATHS.admissionPolicies, owned(policy, owner));
      await keep(PATHS.admissionPolicyBindings, owned(binding, owner));
      await keep(PATHS.validating, owned(validatingConfiguration(config, anchorsPem), owner));
      await keep(PATHS.mutating, owned(mutatingConfiguration(config, anchorsPem), owner));
    },
  };
}

/** Only the anchors: the rest may be of another version of ours, whose leader has yet to come. */
async function trustIn(api: ApiServer, path: string, anchorsPem: string): Promise<void> {
  const caBundle = Buffer.from(anchorsPem).toString("base64");
  await unlessConflicting(async () => {
    const found = await findObject<Configuration>(api, path);
    const webhooks = found?.webhooks ?? [];
    if (webhooks.every(({ clientConfig }) => trusts(clientConfig.caBundle, anchorsPem))) return;
    const trusting = webhooks.map((hook) => ({ ...hook, clientConfig: { ...hook.clientConfig, caBundle } }));
    await api.ask({ method: "PUT", path, body: { ...found, webhooks: trusting } });
  });
}

/**
 * Makes an object, or puts another in its place, whole: what somebody else added to it, such as a condition that is
 * never met, would survive being merged into. Putting what is there already changes nothing.
 */
async function putRight(api: ApiServer, list: string, wanted: ApiObject, onRepaired: (name: string) => void) {
  const { name } = wanted.metadata;
  const path = `${list}/${name}`;
  await unlessConflicting(async () => {
    const found = await findObject(api, path);
    if (found === undefined) {
      await api.ask({ method: "POST", path: list, body: wanted });
      return;
    }
    const body = { ...wanted, metadata: { ...found.metadata, ...wanted.metadata } };
    const { metadata } = await api.ask<ApiObject>({ method: "PUT", path, body });
    if (metadata.generation !== found.metadata.generation) onRepaired(name);
  });
}

async function findObject<T extends ApiObject>(api: ApiServer, path: string): Promise<T | undefined> {
  try {
    return await api.ask<T>({ path });
  } catch (thrown) {
    if (codeOf(thrown) === "API_OBJECT_MISSING") return undefined;
    throw thrown;
  }
}

/** Reads and writes once more after somebody else's write came between. */
async function unlessConflicting(work: () => Promise<void>): Promise<void> {
  for (let retry = 0; ; retry++) {
    try {
      return await work();
    } catch (thrown) {
      if (codeOf(thrown) !== "API_CONFLICT" || retry >= CONFLICT_RETRIES) throw thrown;
    }
  }
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof CodedError ? thrown.code : undefined;
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

function owned(object: { readonly metadata?: { readonly name?: string } }, owner: object): ApiObject {
  return {
    ...object,
    metadata: { ...object.metadata, ownerReferences: [owner] },
  } as ApiObject;
}
