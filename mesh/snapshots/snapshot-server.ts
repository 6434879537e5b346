import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Clock } from "../../core/base/clock.ts";
import { codedSystemError } from "../../core/base/errors.ts";
import type { HostPort } from "../../core/base/host-port.ts";
import type { Log } from "../../core/base/log.ts";
import type { SvidSource } from "../../core/identity/svid.ts";
import { SNAPSHOT_ALPN, type Snapshot } from "../../core/policy/snapshot.ts";
import { createSnapshotStream, type SidecarState, type SnapshotStream } from "./snapshot-stream.ts";

/** Most sidecars connected at once, and the longest TLS handshake, in milliseconds. */
export const SIDECARS_LIMIT = 5000;
export const HANDSHAKE_DEADLINE_MS = 5000;

export interface SnapshotServerOptions {
  readonly listen: HostPort;
  readonly trustDomain: string;
  readonly identity: SvidSource;
  readonly log: Log;
  readonly clock: Clock;
  readonly onAnswer: (answer: "ack" | "nack") => void;
}

export interface SnapshotServer {
  readonly address: string;
  /** Sends each connected sidecar its new snapshot when its version changed. */
  publish(snapshots: ReadonlyMap<string, Snapshot>): void;
  sidecars(): readonly SidecarState[];
  close(): Promise<void>;
}

/** The snapshot stream: mutual TLS 1.3, one connection per sidecar. @throws {CodedError} PORT_IN_USE */
export async function openSnapshotServer(options: SnapshotServerOptions): Promise<SnapshotServer> {
  const streams = new Set<SnapshotStream>();
  let snapshots: ReadonlyMap<string, Snapshot> = new Map();
  const server = createServer({
    ...tlsOf(options.identity),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: [SNAPSHOT_ALPN],
    handshakeTimeout: HANDSHAKE_DEADLINE_MS,
  });
  server.maxConnections = SIDECARS_LIMIT;
  server.on("secureConnection", (socket: TLSSocket) => {
    const stream = createSnapshotStream(socket, { ...options, snapshotOf: (podUid) => snapshots.get(podUid) });
    streams.add(stream);
    socket.on("close", () => streams.delete(stream));
  });
  server.on("tlsClientError", (err, socket) => {
    options.log.debug({ err, address: socket.remoteAddress }, "snapshot stream: handshake refused");
  });
  const stop = options.identity.onChange(() => server.setSecureContext(tlsOf(options.identity)));
  const address = await listening(server, options.listen);
  return {
    address,
    publish: (next) => {
      snapshots = next;
      for (const stream of streams) stream.offer();
    },
    sidecars: () => [...streams].flatMap((stream) => stream.state() ?? []),
    close: async () => {
      stop();
      for (const stream of streams) stream.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tlsOf(identity: SvidSource) {
  const { certChainPem, keyPem, bundlePem } = identity.current();
  return { cert: certChainPem, key: keyPem, ca: bundlePem, minVersion: "TLSv1.3" } as const;
}

function listening(server: Server, { host, port }: HostPort): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (thrown) => reject(codedSystemError(thrown, `snapshot stream ${host}:${port}`)));
    server.listen(port, host, () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? `${host}:${bound.port}` : `${host}:${port}`);
    });
  });
}
