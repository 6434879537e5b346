import type { TLSSocket } from "node:tls";
import { z } from "zod";
import { HOUR_MS } from "../core/base/clock.ts";
import { asError, CodedError } from "../core/base/errors.ts";
import { type VerifiedPeer, verifyPeer } from "../core/identity/verify.ts";
import { canonicalAddress } from "../core/policy/cidr.ts";
import { type MeshMessage, SNAPSHOT_ALPN, type Snapshot } from "../core/policy/snapshot.ts";
import { refused } from "./errors.ts";
import { createLineReader } from "./lines.ts";
import type { SnapshotServerOptions } from "./snapshot-server.ts";

/** What a sidecar says fits in far less. */
export const SIDECAR_LINE_LIMIT_BYTES = 16 * 1024;
/** How long a sidecar may take to say hello, in milliseconds. */
export const HELLO_DEADLINE_MS = 10_000;
/** A connection is closed before either certificate ends, and after an hour at most, so that identities stay fresh. */
export const LONGEST_CONNECTION_MS = HOUR_MS;

/** One connected sidecar as the admin door shows it. */
export interface SidecarState {
  readonly podUid: string;
  readonly spiffeId: string;
  readonly address: string;
  readonly connectedAtMs: number;
  /** The version last sent, last acknowledged, and last rejected with its reason. */
  readonly sent?: string;
  readonly acked?: string;
  readonly nacked?: { readonly version: string; readonly reason: string };
}

export interface SnapshotStream {
  /** There may be something new: sends it when the version differs from the one sent last. */
  offer(): void;
  /** `undefined` before hello. */
  state(): SidecarState | undefined;
  close(): void;
}

export interface SnapshotStreamOptions extends SnapshotServerOptions {
  readonly snapshotOf: (podUid: string) => Snapshot | undefined;
}

const version = z.string().max(128);
const sidecarMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("hello"), podUid: z.string().min(1).max(256), have: version.optional() }),
  z.object({ type: z.literal("ack"), version }),
  z.object({ type: z.literal("nack"), version, reason: z.string().max(4096) }),
]);

/**
 * The path of one sidecar's connection.
 *
 *   verify   the certificate, after the handshake
 *   hello    which pod; must be the one the certificate names
 *   offer    its snapshot, now and after each change; a slow reader gets only the newest
 *   answer   ack or nack, recorded
 *
 * Any stage may throw; `refuse` is the one place that turns an error into a message and a close.
 */
export function createSnapshotStream(socket: TLSSocket, options: SnapshotStreamOptions): SnapshotStream {
  const { clock, log } = options;
  const readLines = createLineReader(SIDECAR_LINE_LIMIT_BYTES);
  const address = socket.remoteAddress ?? "";
  let state: SidecarState | undefined;
  let draining = false;
  let refusing = false;

  const offer = () => {
    if (state === undefined || draining || refusing || socket.destroyed) return;
    const snapshot = options.snapshotOf(state.podUid);
    if (snapshot === undefined || snapshot.version === state.sent) return;
    state = { ...state, sent: snapshot.version };
    draining = !socket.write(line({ type: "snapshot", snapshot }));
  };
  const receive = (peer: VerifiedPeer, text: string) => {
    const message = parseMessage(text);
    if (message.type !== "hello") {
      if (state === undefined) throw refused("STREAM_HELLO", `expected hello, found ${message.type}`);
      state = answered(state, message);
      options.onAnswer(message.type);
      return;
    }
    if (state !== undefined) throw refused("STREAM_HELLO", "a second hello");
    checkHello(message.podUid, peer, options.snapshotOf(message.podUid), address);
    const have = message.have === undefined ? {} : { acked: message.have };
    state = { podUid: message.podUid, spiffeId: peer.spiffeId, address, connectedAtMs: clock(), ...have };
    offer();
  };
  const receiveAll = (peer: VerifiedPeer, chunk: Buffer) => {
    if (refusing) return;
    for (const text of readLines(chunk)) receive(peer, text);
  };
  const refuse = (thrown: unknown) => {
    refusing = true;
    const error =
      thrown instanceof CodedError
        ? thrown
        : new CodedError("INTERNAL", asError(thrown).message, "see the log", { cause: thrown });
    log.warn({ err: error, address, podUid: state?.podUid }, "snapshot stream: refused");
    socket.end(line({ type: "error", code: error.code, message: error.message }), () => socket.destroy());
  };
  const guarded = (step: () => void) => {
    try {
      step();
    } catch (thrown) {
      refuse(thrown);
    }
  };

  socket.on("error", (err) => log.debug({ err, address }, "snapshot stream: connection broke"));
  socket.on("drain", () => {
    draining = false;
    offer();
  });
  guarded(() => {
    const peer = verifiedPeer(socket, options);
    const helloTimer = setTimeout(() => guarded(() => expectHello(state)), HELLO_DEADLINE_MS);
    const ageTimer = setTimeout(() => socket.end(), connectionLifeMs(peer, clock()));
    socket.on("data", (chunk: Buffer) => guarded(() => receiveAll(peer, chunk)));
    socket.on("close", () => {
      clearTimeout(helloTimer);
      clearTimeout(ageTimer);
    });
  });
  return { offer, state: () => state, close: () => socket.destroy() };
}

function verifiedPeer(socket: TLSSocket, { identity, trustDomain, clock }: SnapshotStreamOptions): VerifiedPeer {
  if (socket.alpnProtocol !== SNAPSHOT_ALPN) throw refused("STREAM_HELLO", `expected ALPN ${SNAPSHOT_ALPN}`);
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw refused("STREAM_IDENTITY", "no certificate");
  return verifyPeer(certificate, identity.current().bundlePem, trustDomain, undefined, clock());
}

function parseMessage(text: string): z.output<typeof sidecarMessage> {
  try {
    return sidecarMessage.parse(JSON.parse(text));
  } catch (cause) {
    throw refused("STREAM_LINE", "expected hello, ack or nack", cause);
  }
}

/**
 * A certificate with a pod uid may ask for that pod alone. One without (another authority issued it) may ask for the
 * pod of its own service account whose address it calls from.
 */
function checkHello(podUid: string, peer: VerifiedPeer, snapshot: Snapshot | undefined, address: string): void {
  if (peer.podUid !== undefined && peer.podUid !== podUid) {
    throw refused("STREAM_IDENTITY", `asked for pod ${podUid}, the certificate names pod ${peer.podUid}`);
  }
  if (snapshot === undefined) throw refused("STREAM_POD_UNKNOWN", `pod ${podUid}: not in the cluster`);
  const { spiffeId, ip } = snapshot.workload;
  if (spiffeId !== peer.spiffeId)
    throw refused("STREAM_IDENTITY", `pod ${podUid} runs as ${spiffeId}, the certificate names ${peer.spiffeId}`);
  if (peer.podUid === undefined && canonicalAddress(ip) !== canonicalAddress(address)) {
    throw refused(
      "STREAM_IDENTITY",
      `pod ${podUid}: the certificate names no pod and ${address} is not the pod's address`,
    );
  }
}

function answered(
  state: SidecarState,
  message: { type: "ack"; version: string } | { type: "nack"; version: string; reason: string },
): SidecarState {
  if (message.type === "nack") return { ...state, nacked: { version: message.version, reason: message.reason } };
  const { nacked: _, ...rest } = state;
  return { ...rest, acked: message.version };
}

function expectHello(state: SidecarState | undefined): void {
  if (state === undefined) throw refused("STREAM_HELLO", `no hello within ${HELLO_DEADLINE_MS} ms`);
}

/** Jittered by up to a tenth, so that sidecars that connected together do not reconnect together. */
function connectionLifeMs(peer: VerifiedPeer, nowMs: number): number {
  return Math.min(LONGEST_CONNECTION_MS, Math.max(0, peer.notAfterMs - nowMs)) * (1 - Math.random() / 10);
}

const line = (message: MeshMessage): string => `${JSON.stringify(message)}\n`;
