import { TLSSocket } from "node:tls";
import type { Accepted } from "../connections/connections.ts";
import type { Control } from "../control.ts";
import type { Parts } from "../parts.ts";
import { expose } from "../telemetry/catalogue.ts";
import { explain } from "./explain.ts";
import type { AdminRoutes } from "./server.ts";

export interface AdminOptions {
  readonly parts: Parts;
  readonly control: Control;
  readonly drain: () => void;
}

/** Everything an operator can ask or order; see docs for each answer. */
export function adminRoutes({ parts, control, drain }: AdminOptions): AdminRoutes {
  const { telemetry, connections, identity, snapshots } = parts;
  return {
    "GET /healthz": () => ({ body: { status: "ok" } }),
    "GET /readyz": () => readiness(parts),
    "GET /metrics": () => ({ body: expose(telemetry.readings()) }),
    "GET /config": () => ({ body: config(parts, control) }),
    "GET /clusters": () => ({ body: { clusters: clusters(parts) } }),
    "GET /connections": () => ({ body: { connections: connections.all().map(connection) } }),
    "POST /explain": (body) => ({ body: explain(body, snapshots) }),
    "POST /drain": () => {
      drain();
      return { status: 202, body: { draining: true, inFlight: connections.busy } };
    },
    "POST /certificates/renew": async () => {
      await identity.renew();
      return { body: certificate(parts) };
    },
  };
}

function readiness({ snapshots, connections, identity }: Parts) {
  const problems = [
    ...(snapshots.current() === undefined ? ["no snapshot yet"] : []),
    ...(connections.draining ? ["draining"] : []),
    ...(identity.svid().notAfterMs <= Date.now() ? ["the certificate has ended"] : []),
  ];
  return { status: problems.length === 0 ? 200 : 503, body: { ready: problems.length === 0, problems } };
}

function config(parts: Parts, control: Control) {
  const snapshot = parts.snapshots.current()?.snapshot;
  return { certificate: certificate(parts), control: { connected: control.connected() }, snapshot };
}

function certificate({ identity }: Parts) {
  const { spiffeId, podUid, serial, notAfterMs } = identity.svid();
  return { spiffeId, podUid, serial, notAfter: new Date(notAfterMs).toISOString() };
}

function clusters({ snapshots, balancer, links }: Parts) {
  const open = [...links.counts()];
  return (snapshots.current()?.snapshot.outbound ?? []).map(({ name, namespace, port, endpoints }) => ({
    service: `${name}.${namespace}:${port}`,
    endpoints: endpoints.map((endpoint) => {
      const { pending, ewmaMs, failures, ejectedUntilMs } = balancer.load(endpoint);
      const counts = open.find(([key]) => key.startsWith(`${endpoint.ip}:${endpoint.port} `))?.[1];
      const ejected = ejectedUntilMs > performance.now();
      return { ...endpoint, pending, ewmaMs, failures, ejected, open: counts?.open ?? 0, idle: counts?.idle ?? 0 };
    }),
  }));
}

function connection({ direction, port, remoteIp, socket, openedMs, peer, allowed, server }: Accepted) {
  const tls = socket instanceof TLSSocket ? socket.getProtocol() : undefined;
  const openSeconds = Math.round((performance.now() - openedMs) / 100) / 10;
  const { spiffeId, podUid } = peer ?? {};
  return { direction, port, from: remoteIp, tls, spiffeId, podUid, allowed, busy: server?.busy ?? false, openSeconds };
}
