import { generateKeyPairSync, randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { Closable } from "../../core/base/lifecycle.ts";
import { silentLog } from "../../core/base/log.ts";
import { createAuthority } from "../../core/identity/authority.ts";
import { listeners } from "../../core/identity/listeners.ts";
import { meshId, workloadId } from "../../core/identity/spiffe-id.ts";
import type { Svid, SvidSource } from "../../core/identity/svid.ts";
import {
  type CompiledPolicy,
  type OutboundService,
  type Peer,
  type SidecarMessage,
  SNAPSHOT_ALPN,
  SNAPSHOT_API_VERSION,
  type Snapshot,
} from "../../core/policy/snapshot.ts";
import { type SidecarConfig, sidecarConfigSchema } from "../../sidecar/config.ts";
import { versionOf } from "../../sidecar/control/check.ts";
import { startSidecar } from "../../sidecar/sidecar.ts";

export const TRUST_DOMAIN = "test.outrider.dev";
export const POD_PORT = 8080;
const TTL_MS = 3_600_000;

export const OPEN: CompiledPolicy = { isolated: false, isolatedBy: [], rules: [] };

/** What a test says of one pod; the rest follows. */
export interface PodPlan {
  readonly name: string;
  readonly serviceAccount?: string;
  readonly app?: (request: IncomingMessage, response: ServerResponse) => void;
  /** Instead of an HTTP server: what the application does with each connection. */
  readonly rawApp?: (socket: Socket) => void;
  readonly config?: Record<string, unknown>;
}

/** A running pod: its sidecar, and its application behind it. */
export interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  readonly spiffeId: string;
  readonly source: SvidSource;
  readonly outbound: string;
  readonly admin: string;
  /** Empty unless the plan's configuration has `probes`. */
  readonly probes: string;
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

/** A certificate authority, a control plane that says what the test says, and pods on their own addresses. */
export interface SmallMesh {
  /** The pods' network, "127.a.b". */
  readonly block: string;
  svid(serviceAccount: string, podUid?: string): SvidSource;
  rotateRoot(): void;
  start(plan: PodPlan): Promise<Pod>;
  /** Changes a pod's snapshot and waits until the sidecar has answered it. */
  publish(pod: Pick<Pod, "uid">, change: Partial<Snapshot>): Promise<SidecarMessage>;
  /** Sends anything at all as the pod's snapshot. */
  publishRaw(pod: Pick<Pod, "uid">, snapshot: unknown): Promise<SidecarMessage>;
  snapshotOf(pod: Pick<Pod, "uid">): Snapshot;
  stopControl(): void;
  close(): Promise<void>;
}

export async function openSmallMesh(names: readonly string[]): Promise<SmallMesh> {
  const dir = mkdtempSync(join(tmpdir(), "outrider-small-mesh-"));
  const block = `127.${randomInt(1, 255)}.${randomInt(0, 255)}`;
  const authority = createAuthority({
    trustDomain: TRUST_DOMAIN,
    stateDir: dir,
    certificateTtlMs: TTL_MS,
    clock: Date.now,
  });
  const issue = (spiffeId: string, podUid: string | undefined): Svid => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const uid = podUid === undefined ? {} : { podUid };
    const der = publicKey.export({ type: "spki", format: "der" });
    const { chain, ...issued } = authority.issue({ spiffeId, publicKey: der, ttlMs: TTL_MS, ...uid });
    return {
      ...issued,
      ...uid,
      spiffeId,
      certChainPem: chain.join(""),
      keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      bundlePem: authority.bundle().join(""),
    };
  };
  const sourceOf = (spiffeId: string, podUid?: string): SvidSource => {
    const changed = listeners<Svid>();
    let svid = issue(spiffeId, podUid);
    const renew = async () => {
      svid = issue(spiffeId, podUid);
      changed.tell(svid);
    };
    return { current: () => svid, onChange: changed.add, renew, close: () => {} };
  };

  const peers: Record<string, Peer> = {};
  const snapshots = new Map<string, unknown>();
  const closers: Closable[] = [];
  const control = await startControlPlane(issue(meshId(TRUST_DOMAIN), undefined), `${block}.1`, snapshots);
  closers.push(control);
  const uidOf = (name: string): string => `uid-${name}`;
  const ipOf = (name: string): string => `${block}.${names.indexOf(name) + 21}`;
  const idOf = (serviceAccount: string): string => workloadId(TRUST_DOMAIN, "shop", serviceAccount);
  const accounts = new Map<string, string>();

  const service = (name: string): OutboundService => ({
    namespace: "shop",
    name,
    port: 80,
    protocol: "http",
    hosts: [name, `${name}.shop`, `${name}.shop.svc`, `${name}.shop.svc.cluster.local`],
    endpoints: [{ ip: ipOf(name), port: POD_PORT, podUid: uidOf(name), spiffeId: idOf(accounts.get(name) ?? name) }],
  });
  const describe = (name: string): void => {
    const serviceAccount = accounts.get(name) ?? name;
    const spiffeId = idOf(serviceAccount);
    peers[uidOf(name)] = {
      namespace: "shop",
      pod: `${name}-1`,
      serviceAccount,
      spiffeId,
      ip: ipOf(name),
      service: name,
    };
  };
  const snapshotFor = (name: string, change: Partial<Snapshot>): Snapshot => {
    const { namespace, pod, serviceAccount, spiffeId, ip } = peers[uidOf(name)] as Peer;
    const workload = { namespace, pod, podUid: uidOf(name), serviceAccount, spiffeId, ip, labels: {}, service: name };
    const content = {
      apiVersion: SNAPSHOT_API_VERSION,
      version: "",
      workload,
      mtls: "strict",
      inbound: [{ port: POD_PORT, protocol: "http", name: "http" }],
      ingress: OPEN,
      outbound: names.map(service),
      egress: OPEN,
      peers: { ...peers },
      ...change,
    } as const satisfies Snapshot;
    return { ...content, version: versionOf(content) };
  };

  return {
    block,
    svid: (serviceAccount, podUid) => sourceOf(idOf(serviceAccount), podUid),
    rotateRoot: () => authority.rotate(),
    start: async (plan) => {
      const { name, serviceAccount = name } = plan;
      accounts.set(name, serviceAccount);
      for (const each of names) describe(each);
      const uid = uidOf(name);
      if (!snapshots.has(uid)) snapshots.set(uid, snapshotFor(name, {}));
      const app = await startApp(plan, ipOf(name));
      closers.push(app);
      const source = sourceOf(idOf(serviceAccount), uid);
      const raw = podConfig(name, uid, ipOf(name), control.address, join(dir, name), app.port, plan.config);
      const { stop, addresses, stopped } = await startOne(sidecarConfigSchema.parse(raw), source);
      closers.push({ close: stop });
      const { outbound = "", admin = "", probes = "" } = addresses;
      return {
        name,
        uid,
        ip: ipOf(name),
        spiffeId: idOf(serviceAccount),
        source,
        outbound,
        admin,
        probes,
        stopped,
        stop,
      };
    },
    publish: (pod, change) => {
      const before = snapshots.get(pod.uid) as Snapshot;
      const content = { ...before, ...change };
      return control.publish(pod.uid, { ...content, version: versionOf(content) });
    },
    publishRaw: (pod, snapshot) => control.publish(pod.uid, snapshot),
    snapshotOf: (pod) => snapshots.get(pod.uid) as Snapshot,
    stopControl: () => control.close(),
    close: async () => {
      for (const closable of closers.toReversed()) await closable.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function podConfig(
  name: string,
  uid: string,
  ip: string,
  control: string,
  stateDir: string,
  appPort: number,
  more: Record<string, unknown> = {},
) {
  return {
    trustDomain: TRUST_DOMAIN,
    pod: { namespace: "shop", name: `${name}-1`, uid, ip },
    identity: { files: { certificate: "unused", key: "unused", bundle: "unused" } },
    control: { address: control },
    stateDir,
    inbound: [{ port: POD_PORT, listen: `${ip}:${POD_PORT}`, app: `${ip}:${appPort}` }],
    outbound: { listen: `${ip}:0` },
    admin: { listen: `${ip}:0` },
    tracing: { sampleRatio: 1 },
    accessLog: "none",
    drainDeadline: "2s",
    ...more,
  };
}

async function startOne(config: SidecarConfig, source: SvidSource) {
  const open: Closable[] = [];
  const stopping = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const closeAll = async () => {
    for (const closable of open.toReversed()) await closable.close();
    stopping.resolve();
  };
  const stop = () => {
    closing ??= closeAll();
    return closing;
  };
  const options = {
    config,
    source,
    log: silentLog,
    opened: (c: Closable) => void open.push(c),
    stop: () => void stop(),
  };
  const addresses = await startSidecar(options);
  return { addresses, stop, stopped: stopping.promise };
}

async function startApp({ app, rawApp }: PodPlan, ip: string) {
  const server: Server = createServer(app ?? ((_, response) => response.end("ok")));
  if (rawApp !== undefined) {
    server.removeAllListeners("connection");
    server.on("connection", rawApp);
  }
  await new Promise<void>((resolve) => server.listen(0, ip, resolve));
  const { port } = server.address() as { port: number };
  return { port, close: () => void server.close().closeAllConnections() };
}

async function startControlPlane(svid: Svid, host: string, snapshots: Map<string, unknown>) {
  const sockets = new Map<string, TLSSocket>();
  const waiting = new Map<string, (message: SidecarMessage) => void>();
  const server = createTlsServer({
    cert: svid.certChainPem,
    key: svid.keyPem,
    ca: svid.bundlePem,
    requestCert: true,
    minVersion: "TLSv1.3",
    ALPNProtocols: [SNAPSHOT_ALPN],
  });
  const send = (uid: string): void => {
    sockets.get(uid)?.write(`${JSON.stringify({ type: "snapshot", snapshot: snapshots.get(uid) })}\n`);
  };
  const hear = (socket: TLSSocket, message: SidecarMessage): void => {
    if (message.type === "hello") {
      sockets.set(message.podUid, socket);
      send(message.podUid);
      return;
    }
    const uid = [...sockets].find(([, each]) => each === socket)?.[0] ?? "";
    const version = (snapshots.get(uid) as Snapshot | undefined)?.version;
    if (message.version === version) waiting.get(uid)?.(message);
  };
  server.on("secureConnection", (socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) hear(socket, JSON.parse(line) as SidecarMessage);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number };
  return {
    address: `${host}:${port}`,
    publish: (uid: string, snapshot: unknown) => {
      const { promise, resolve } = Promise.withResolvers<SidecarMessage>();
      waiting.set(uid, resolve);
      snapshots.set(uid, snapshot);
      send(uid);
      return promise;
    },
    close: () => {
      server.close();
      for (const socket of sockets.values()) socket.destroy();
    },
  };
}

/** An answer as it came over the socket. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly raw: string;
}

/** Sends bytes on a new connection, one piece at a time, and collects everything until the other side closes. */
export async function sendRaw(address: string, pieces: readonly (string | Uint8Array)[]): Promise<RawAnswer> {
  const [host = "", port] = address.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    socket.once("end", () => socket.end());
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  return parseAnswer(Buffer.concat(chunks).toString("latin1"));
}

export function parseAnswer(raw: string): RawAnswer {
  const [head = "", ...rest] = raw.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.split(":")[0]?.toLowerCase(), line.replace(/^[^:]*: ?/, "")]),
  );
  return { status: Number(statusLine.split(" ")[1] ?? 0), headers, body: rest.join("\r\n\r\n"), raw };
}

/** One request with `Connection: close`. */
export function get(address: string, host: string, path = "/", fields: readonly string[] = []): Promise<RawAnswer> {
  const lines = [`GET ${path} HTTP/1.1`, `host: ${host}`, "connection: close", ...fields];
  return sendRaw(address, [`${lines.join("\r\n")}\r\n\r\n`]);
}
