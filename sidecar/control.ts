import type { TLSSocket } from "node:tls";
import { asError } from "../core/base/errors.ts";
import type { HostPort } from "../core/base/host-port.ts";
import type { Log } from "../core/base/log.ts";
import { meshId } from "../core/identity/spiffe-id.ts";
import {
  type MeshMessage,
  type SidecarMessage,
  SNAPSHOT_ALPN,
  SNAPSHOT_LINE_LIMIT_BYTES,
} from "../core/policy/snapshot.ts";
import { checkSnapshot } from "./control/check.ts";
import { lineReader } from "./control/lines.ts";
import type { Snapshots } from "./control/snapshots.ts";
import type { SnapshotStore } from "./control/store.ts";
import type { Identity } from "./identity/identity.ts";
import { CONTROL_BACKOFF_FIRST_MS, CONTROL_BACKOFF_LONGEST_MS } from "./limits.ts";
import { dialTls } from "./upstream/dial.ts";

export interface ControlOptions {
  readonly address: HostPort;
  readonly podUid: string;
  readonly podIp: string;
  readonly trustDomain: string;
  readonly identity: Identity;
  readonly snapshots: Snapshots;
  readonly store: SnapshotStore;
  readonly log: Log;
}

/** The stream to the control plane: always trying, never in the way of traffic. */
export interface Control {
  connected(): boolean;
  /** Resolves at the first snapshot in force. */
  readonly first: Promise<void>;
  close(): void;
}

/**
 * Follows the control plane: hello, then every snapshot is checked, put in force, stored and acknowledged; one that
 * may not come into force is rejected with the reason and changes nothing. Reconnects with jittered back-off.
 */
export function followControl(options: ControlOptions): Control {
  const { log, snapshots } = options;
  let socket: TLSSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let failures = 0;
  const first = new Promise<void>((resolve) => snapshots.onChange(() => resolve()));

  const connectOnce = async (): Promise<void> => {
    try {
      socket = await dialControl(options);
      if (closed) return void socket.destroy();
      await listen(socket, options, () => {
        failures = 0;
      });
      log.info({}, "control plane closed the stream");
    } catch (err) {
      if (failures++ === 0 && !closed)
        log.warn({ err: asError(err) }, "control plane away; the last snapshot stays in force");
    }
    socket = undefined;
    if (!closed) timer = setTimeout(connectOnce, backOffMs(failures));
  };
  void connectOnce();
  return {
    connected: () => socket !== undefined,
    first,
    close: () => {
      closed = true;
      clearTimeout(timer);
      socket?.destroy();
    },
  };
}

function backOffMs(failures: number): number {
  const longest = Math.min(CONTROL_BACKOFF_FIRST_MS * 2 ** failures, CONTROL_BACKOFF_LONGEST_MS);
  return longest * (0.5 + Math.random() / 2);
}

/** @throws {CodedError} when the peer is not the mesh itself */
async function dialControl({ address, identity, trustDomain, podIp }: ControlOptions): Promise<TLSSocket> {
  const socket = await dialTls(address, identity.context(), SNAPSHOT_ALPN, podIp);
  try {
    identity.verify(socket, meshId(trustDomain));
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Until the stream ends. @throws what broke it */
function listen(socket: TLSSocket, options: ControlOptions, heard: () => void): Promise<void> {
  const readLines = lineReader(SNAPSHOT_LINE_LIMIT_BYTES);
  const { podUid, snapshots } = options;
  const have = snapshots.current()?.snapshot.version;
  send(socket, have === undefined ? { type: "hello", podUid } : { type: "hello", podUid, have });
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const line of readLines(chunk)) receive(JSON.parse(line) as MeshMessage, socket, options);
        heard();
      } catch (error) {
        socket.destroy(asError(error));
      }
    });
  });
}

function receive(message: MeshMessage, socket: TLSSocket, options: ControlOptions): void {
  const { log, podUid, snapshots, store } = options;
  if (message.type === "error") log.warn({ code: message.code, reason: message.message }, "control plane refused");
  if (message.type !== "snapshot") return;
  try {
    const snapshot = checkSnapshot(message.snapshot, podUid);
    if (snapshot.version !== snapshots.current()?.snapshot.version) {
      snapshots.replace(snapshot);
      store.save(snapshot);
      log.info({ version: snapshot.version }, "snapshot in force");
    }
    send(socket, { type: "ack", version: snapshot.version });
  } catch (err) {
    log.warn({ err }, "snapshot rejected; the last one stays in force");
    const version = String((message.snapshot as { version?: unknown } | undefined)?.version ?? "").slice(0, 128);
    send(socket, { type: "nack", version, reason: asError(err).message.slice(0, 1024) });
  }
}

function send(socket: TLSSocket, message: SidecarMessage): void {
  socket.write(`${JSON.stringify(message)}\n`);
}
