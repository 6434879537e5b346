import { systemClock } from "../../core/base/clock.ts";
import { connectApiServer } from "../../core/cluster/api-server/connect.ts";
import type { PolicyChange } from "../sources/policies.ts";
import { watchClusterPolicies } from "./cluster-policies.ts";
import type { ClusterView, ClusterViewOptions } from "./cluster-view.ts";
import type { KubernetesConfig } from "./config.ts";
import { createLeaderWork } from "./leader.ts";
import { watchNamespaces } from "./namespaces.ts";
import { writePolicyStatus } from "./policy-status.ts";
import { createPullSecrets } from "./pull-secrets.ts";
import { createRegistration } from "./registration.ts";
import { watchRunning } from "./running.ts";
import { openSharedServing } from "./shared-serving.ts";

export interface ClusterApiOptions extends ClusterViewOptions {
  readonly onPolicies: (change: PolicyChange) => void;
}

/**
 * The cluster as its API server has it. Everything is watched at once; what is not read yet makes the gate not ready.
 *
 * @throws {CodedError} KUBECONFIG_INVALID
 */
export async function openClusterApi(options: ClusterApiOptions, config: KubernetesConfig): Promise<ClusterView> {
  const { log, clock = systemClock, onPolicies } = options;
  const api = await connectApiServer(apiServerOf(config));
  const told = (what: string) => (err: Error) =>
    log.error({ err }, `${what} not read; the last good ones stay in force`);
  const registration = createRegistration(api, config, (object) =>
    log.warn({ object }, "the registration was not as it should be, and is put right"),
  );
  const work = createLeaderWork(api, { namespace: config.namespace, identity: options.instance, log });
  const policies = watchClusterPolicies(api, {
    onChange: onPolicies,
    onCompiled: work.soon,
    onError: told("policies"),
  });
  const namespaces = watchNamespaces(api, told("namespaces"));
  const running = watchRunning(api, told("running pods"));
  const pullSecrets = createPullSecrets(api, config.pullSecrets.namespaces, log);
  let anchorsPem = () => "";
  const notReady = () => [...policies.notReady(), ...(namespaces.isSynced() ? [] : ["namespaces: not read yet"])];
  const round = async () => {
    await writePolicyStatus(api, policies.compiled(), clock(), log);
    if (notReady().length > 0) return false; // who registers must be able to answer
    await registration.reconcile(anchorsPem());
    return true;
  };
  return {
    policies: policies.current,
    namespaceLabels: namespaces.of,
    prepare: async (request, gate, signal) => {
      await namespaces.know(request.namespace, signal);
      const access = await pullSecrets.accessOf(request, signal);
      const images = access === undefined ? undefined : gate.sources.images.withAccess?.(access);
      return images === undefined ? gate : { ...gate, sources: { ...gate.sources, images } };
    },
    running: running.of,
    notReady,
    serve: async (onRenewed) => {
      const shared = { ...servingOptions(options, config), api, registration, namespace: config.namespace, clock, log };
      const serving = await openSharedServing(shared, onRenewed);
      anchorsPem = serving.bundle;
      return serving;
    },
    health: () => ({
      up: { policies: policies.isUp(), namespaces: namespaces.isUp(), pods: running.isUp() },
      leads: work.leads(),
    }),
    begin: () => work.begin(round),
    close: async () => {
      await work.close();
      for (const one of [policies, namespaces, running]) await one.close();
      await api.close();
    },
  };
}

/** The Service's own name is always one of those that are served. */
function servingOptions({ config }: ClusterApiOptions, { namespace, register }: KubernetesConfig) {
  const { caFile, tls } = config;
  const lives = { servingMs: tls.servingLife, anchorMs: tls.caLife, overlapMs: tls.caOverlap };
  const own = register?.service === undefined ? [] : [`${register.service.name}.${namespace}.svc`];
  return { serverNames: [...new Set([...config.serverNames, ...own])], caFile, lives };
}

function apiServerOf({ kubeconfig }: KubernetesConfig) {
  return kubeconfig === undefined ? ({ inCluster: true } as const) : { kubeconfig };
}
