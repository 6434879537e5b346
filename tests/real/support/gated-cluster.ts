import { join } from "node:path";
import { openShop, policySpec, type Shop } from "../../admission/support/webhook.ts";
import { type Cluster, startCluster } from "./api-server.ts";
import { deploy, GATE_ACCOUNT, type Gate, type GateOptions, prepareGate } from "./gate.ts";
import { eventually } from "./program.ts";

export interface GatedCluster {
  readonly cluster: Cluster;
  readonly shop: Shop;
  /** A replica of the gate, not started, with the rights of deploy/rbac.yaml and no more. */
  gate(name: string, options?: Pick<GateOptions, "url" | "more">): Gate;
  /** Applies an ImagePolicy. */
  policy(name: string, spec: object): Promise<void>;
  /** Creates an object in a list. @returns it as stored @throws {CodedError} with the API server's own words */
  create(path: string, body: object): Promise<Stored>;
  stop(): Promise<void>;
}

export interface Stored {
  readonly metadata: { readonly name: string; readonly uid: string; readonly finalizers?: readonly string[] };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
}

/** A cluster with our kinds and rights, the namespaces "shop" and "other", and a registry with an image of each fate. */
export async function openGatedCluster(
  programs: { readonly etcd: string; readonly "kube-apiserver": string; readonly kubectl: string },
  folder: string,
): Promise<GatedCluster> {
  const [shop, cluster] = await Promise.all([openShop(), startCluster(programs, join(folder, "cluster"))]);
  const { api } = cluster;
  await deploy(programs.kubectl, cluster);
  const create = (path: string, body: object) => api.ask<Stored>({ method: "POST", path, body });
  for (const name of ["shop", "other"]) await create("/api/v1/namespaces", { metadata: { name } });
  const kubeconfig = await cluster.kubeconfigOf(GATE_ACCOUNT);
  return {
    cluster,
    shop,
    create,
    gate: (name, options = {}) =>
      prepareGate({ cluster, folder: join(folder, name), kubeconfig, registries: [shop.registry.host], ...options }),
    policy: async (name, spec) => {
      const body = { apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name }, spec };
      const path = `/apis/outrider.dev/v1alpha1/imagepolicies/${name}?fieldManager=test&force=true`;
      await api.ask({ method: "PATCH", path, body, contentType: "application/apply-patch+yaml" });
    },
    stop: async () => {
      await cluster.stop();
      await shop.registry.close();
    },
  };
}

/** What the shop's good images meet, without what only a sidecar's image is for. */
export function shopPolicy(shop: Shop, more: object = {}): object {
  return { ...policySpec(shop), pods: { podSecurity: "baseline" }, ...more };
}

/** The API server's own words when it refuses. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  return "(stored)";
}

/** Repeats an attempt that a change of policy, on its way through a watch, does not reach at once. */
export async function soon(what: string, ask: () => Promise<boolean>): Promise<void> {
  await eventually(what, 10_000, async () => ((await ask()) ? true : undefined));
}
