import { setTimeout as sleep } from "node:timers/promises";
import { MINUTE_MS, systemClock } from "../../core/base/clock.ts";
import type { Log } from "../../core/base/log.ts";
import type { ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { connectApiServer } from "../../core/cluster/api-server/connect.ts";
import type { ClusterView, ClusterViewOptions } from "../cluster-view.ts";
import type { PolicyChange } from "../policies.ts";
import { watchClusterPolicies } from "./cluster-policies.ts";
import type { KubernetesConfig } from "./config.ts";
import { campaign, type Leadership } from "./leader.ts";
import { watchNamespaces } from "./namespaces.ts";
import { writePolicyStatus } from "./policy-status.ts";
import { createPullSecrets } from "./pull-secrets.ts";
import { createRegistration } from "./registration.ts";
import { watchRunning } from "./running.ts";
import { openSharedServing } from "./shared-serving.ts";

/** The leader puts right what somebody else changed this often. */
export const RECONCILE_MS = MINUTE_MS;

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
  const registration = createRegistration(api, config);
  const work = createLeaderWork(api, config, options.instance, log);
  const policies = watchClusterPolicies(api, {
    onChange: onPolicies,
    onCompiled: work.soon,
    onError: told("policies"),
  });
  const namespaces = watchNamespaces(api, told("namespaces"));
  const running = watchRunning(api, told("running pods"));
  const pullSecrets = createPullSecrets(api, config.pullSecrets.namespaces, log);
  let anchorsPem = () => "";
  const round = async () => {
    await registration.reconcile(anchorsPem()).catch((err: unknown) => log.error({ err }, "webhook not registered"));
    await writePolicyStatus(api, policies.compiled(), clock(), log);
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
    notReady: () => [...policies.notReady(), ...(namespaces.isSynced() ? [] : ["namespaces: not read yet"])],
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

/**
 * The work that one replica does for all, in rounds: registers the webhook, writes what became of policies. Begun only
 * once the gate answers, since from then on nothing runs without it.
 */
function createLeaderWork(api: ApiServer, { namespace }: KubernetesConfig, identity: string, log: Log) {
  const stop = new AbortController();
  let wake = () => {};
  let begun: { readonly leadership: Leadership; readonly rounds: Promise<void> } | undefined;
  const runRounds = async (round: () => Promise<void>, isLeader: () => boolean) => {
    while (!stop.signal.aborted) {
      const asked = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (isLeader()) await round();
      await Promise.race([asked, sleep(RECONCILE_MS, undefined, { signal: stop.signal, ref: false }).catch(() => {})]);
    }
  };
  return {
    soon: () => wake(),
    leads: () => begun?.leadership.isLeader() === true,
    begin: (round: () => Promise<void>) => {
      const leadership = campaign(api, { namespace, identity, log }, () => wake());
      begun = { leadership, rounds: runRounds(round, leadership.isLeader) };
    },
    close: async () => {
      stop.abort();
      wake();
      await begun?.rounds;
      await begun?.leadership.close();
    },
  };
}
