import type { AddressInfo, Server } from "node:net";
import type { Closable } from "../core/base/lifecycle.ts";
import type { Log } from "../core/base/log.ts";
import type { SvidSource } from "../core/identity/svid.ts";
import type { Resource } from "../core/wire/otlp/model.ts";
import { adminRoutes } from "./admin/routes.ts";
import { type AdminRoutes, listenAdmin } from "./admin/server.ts";
import { Balancer } from "./balance.ts";
import type { SidecarConfig } from "./config.ts";
import { Connections } from "./connections/connections.ts";
import { drained } from "./connections/drain.ts";
import { followChanges } from "./connections/follow.ts";
import { listenInbound, listenOutbound } from "./connections/listeners.ts";
import { Snapshots } from "./control/snapshots.ts";
import { createSnapshotStore } from "./control/store.ts";
import { type Control, followControl } from "./control.ts";
import { Sweeper } from "./http/sweeper.ts";
import { createIdentity } from "./identity/identity.ts";
import { APP_IDLE_MS, CONTROL_CONNECT_MS, LINK_IDLE_MS } from "./limits.ts";
import { createTerminator } from "./mtls.ts";
import type { Parts } from "./parts.ts";
import { listenProbes } from "./probes/listener.ts";
import { createProber } from "./probes/prober.ts";
import { AccessLog } from "./telemetry/access-log.ts";
import { startExport } from "./telemetry/export-loop.ts";
import { Telemetry, type Whose } from "./telemetry/telemetry.ts";
import { Pool } from "./upstream/pool.ts";

export interface SidecarOptions {
  readonly config: SidecarConfig;
  readonly source: SvidSource;
  readonly log: Log;
  /** Registers what must be closed, last opened first. */
  readonly opened: (closable: Closable) => void;
  /** Asked for by `POST /drain`: the process should stop, which drains first. */
  readonly stop: () => void;
}

/**
 * Opens the sidecar. Order matters: policy before listeners, so that no request meets a sidecar without one when
 * there is one to be had; drain last, so that it closes first.
 *
 * @returns addresses by name, for the "ready" line
 */
export async function startSidecar(options: SidecarOptions): Promise<Record<string, string>> {
  const { config, opened } = options;
  const parts = assemble(options);
  const control = await startControl(parts, options);
  const servers: Record<string, Server> = {};
  const routes = adminRoutes({ parts, control, drain: options.stop });
  const admin = await listenAdmin(config.admin.listen, routes);
  opened({ close: () => void admin.close().closeAllConnections() });
  Object.assign(servers, await openProbes(routes, options));
  startTelemetry(parts, control, options);
  const terminator = createTerminator(parts.identity);
  for (const listener of config.inbound)
    servers[`inbound ${listener.port}`] = await listenInbound(listener, terminator, parts);
  if (config.outbound !== undefined) servers["outbound"] = await listenOutbound(config.outbound.listen, parts);
  opened({ close: () => drained(Object.values(servers), parts, config.drainDeadline) });
  return addresses({ ...servers, admin });
}

/** The port that the kubelet asks, open before the listeners: start-up waits for its answer. */
async function openProbes(routes: AdminRoutes, { config, opened }: SidecarOptions): Promise<Record<string, Server>> {
  if (config.probes === undefined) return {};
  const { ip: host } = config.pod;
  const listener = (port: number) => config.inbound.find((inbound) => inbound.port === port);
  const prober = createProber(config.probes.app, { host, dial: (port) => listener(port)?.app ?? { host, port } });
  opened(prober);
  const probes = await listenProbes(config.probes.listen, routes, prober);
  opened({ close: () => void probes.close().closeAllConnections() });
  return { probes };
}

function assemble({ config, source, log, opened }: SidecarOptions): Parts {
  const snapshots = new Snapshots();
  const sweeper = new Sweeper();
  const parts: Parts = {
    snapshots,
    sweeper,
    identity: createIdentity(source, config.trustDomain),
    telemetry: new Telemetry(() => whose(config, snapshots), config.tracing.sampleRatio),
    balancer: new Balancer(),
    connections: new Connections(),
    links: new Pool(LINK_IDLE_MS, sweeper),
    apps: new Pool(APP_IDLE_MS, sweeper),
    accessLog: new AccessLog(log, config.accessLog),
    log,
    podIp: config.pod.ip,
  };
  sweeper.add(parts.connections);
  followChanges(parts);
  opened({ close: () => closeAll(parts) });
  return parts;
}

function closeAll({ identity, sweeper, links, apps, connections }: Parts): void {
  identity.close();
  links.close();
  apps.close();
  connections.destroyAll();
  sweeper.close();
}

function whose({ pod }: SidecarConfig, snapshots: Snapshots): Whose {
  const service = snapshots.current()?.snapshot.workload.service ?? pod.name;
  return { namespace: pod.namespace, service, pod: pod.name };
}

/** The control plane's snapshot when it answers soon, else the last good one from disk, else none yet. */
async function startControl(parts: Parts, { config, log, opened }: SidecarOptions): Promise<Control> {
  const { snapshots, identity } = parts;
  const {
    trustDomain,
    pod,
    control: { address },
  } = config;
  const store = createSnapshotStore(config.stateDir, pod.uid, log);
  const stored = store.load();
  if (stored !== undefined) snapshots.replace(stored);
  const control = followControl({
    address,
    podUid: pod.uid,
    podIp: pod.ip,
    trustDomain,
    identity,
    snapshots,
    store,
    log,
  });
  opened(control);
  if (stored === undefined) await soon(control.first);
  return control;
}

function soon(first: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, CONTROL_CONNECT_MS);
  return Promise.race([first, promise]).finally(() => clearTimeout(timer));
}

function startTelemetry(parts: Parts, control: Control, { config, log, opened }: SidecarOptions): void {
  const { telemetry, identity, connections, snapshots } = parts;
  let confirmedMs: number | undefined;
  snapshots.onChange(() => {
    confirmedMs = performance.now();
  });
  telemetry.watch({
    connections: () => connections.counts(),
    certificateExpirySeconds: () => (identity.svid().notAfterMs - Date.now()) / 1000,
    configAgeSeconds: () => {
      if (control.connected() && snapshots.current() !== undefined) confirmedMs = performance.now();
      return confirmedMs === undefined ? undefined : (performance.now() - confirmedMs) / 1000;
    },
  });
  if (config.collector === undefined) return;
  const { url, interval: intervalMs } = config.collector;
  opened(startExport({ url, intervalMs, resource: () => resource(config, snapshots), telemetry, log }));
}

/** @see https://opentelemetry.io/docs/specs/semconv/resource/ */
function resource(config: SidecarConfig, snapshots: Snapshots): Resource {
  const { namespace, service, pod } = whose(config, snapshots);
  return {
    "service.name": service,
    "service.namespace": namespace,
    "service.instance.id": config.pod.uid,
    "k8s.pod.name": pod,
    "outrider.component": "sidecar",
  };
}

function addresses(servers: Readonly<Record<string, Server>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(servers).map(([name, server]) => {
      const { address, port, family } = server.address() as AddressInfo;
      return [name, family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`];
    }),
  );
}
