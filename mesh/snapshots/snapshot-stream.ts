import type { TLSSocket } from "node:tls";
import { z } from "zod";
import { HOUR_MS } from "../../core/base/clock.ts";
import { asError, CodedError } from "../../core/base/errors.ts";
import { type VerifiedPeer, verifyPeer } from "../../core/identity/verify.ts";
import { canonicalAddress } from "../../core/policy/network/cidr.ts";
import { type MeshMessage, SNAPSHOT_ALPN, type Snapshot } from "../../core/policy/snapshot.ts";
import { refused } from "../errors.ts";
import { createLineReader } from "./lines.ts";
import type { SnapshotServerOptions } from "./snapshot-server.ts";

/** What a sidecar says fits in far less. */
export const SIDECAR_LINE_LIMIT_BYTES = 16 * 1024;
/** How long a sidecar may take to say hello, in milliseconds. */
export const HELLO_DEADLINE_MS = 10_000;
/** A connection is closed before either certificate ends, and after an hour at most, so that identities stay fresh. */
export const LONGEST_CONNECTION_MS = HOUR_MS;
/** How long a last message may take to leave, in milliseconds; whoever reads nothing is cut off then. */
export const FAREWELL_DEADLINE_MS = 2_000;
/** How long one snapshot may take to be read, in milliseconds. */
export const SNAPSHOT_DEADLINE_MS = 30_000;
/** A peer that is gone without a word (a node that lost power) is asked for this often, in milliseconds. */
const KEEP_ALIVE_MS = 15_000;

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

type Message = z.output<typeof sidecarMessage>;
type Hello = Extract<Message, { type: "hello" }>;
type Answer = Exclude<Message, Hello>;

/**
 * The path of one sidecar's connection.
 *
 *   verify   the certificate, after the handshake
 *   hello    which pod; must be the one the certificate names
 *   offer    its snapshot, now and after each change; a slow reader gets only the newest, one that reads nothing is
 *            cut off
 *   answer   ack or nack, recorded
 *
 * Any stage may throw; `refuse` is the one place that turns an error into a message and a close.
 */
export function createSnapshotStream(socket: TLSSocket, options: SnapshotStreamOptions): SnapshotStream {
  const connection = new Connection(socket, options);
  connection.start();
  return {
    offer: () => connection.offer(),
    state: () => connection.state,
    close: () => socket.destroy(),
  };
}

class Connection {
  state: SidecarState | undefined;
  readonly #socket: TLSSocket;
  readonly #options: SnapshotStreamOptions;
  readonly #address: string;
  readonly #readLines = createLineReader(SIDECAR_LINE_LIMIT_BYTES);
  /** Written more than the socket takes: the newest snapshot waits for its `drain`, and the peer has so long to read. */
  #full: NodeJS.Timeout | undefined;
  #refused = false;

  constructor(socket: TLSSocket, options: SnapshotStreamOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#address = socket.remoteAddress ?? "";
  }

  start(): void {
    const { log, clock } = this.#options;
    this.#socket.on("error", (err) => log.debug({ err, address: this.#address }, "snapshot stream: connection broke"));
    this.#socket.on("drain", () => {
      clearTimeout(this.#full);
      this.#full = undefined;
      this.offer();
    });
    this.#socket.on("close", () => clearTimeout(this.#full));
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#guarded(() => {
      const peer = verifiedPeer(this.#socket, this.#options);
      this.#socket.on("data", (chunk: Buffer) => this.#guarded(() => this.#receive(peer, chunk)));
      this.#closeAfter(HELLO_DEADLINE_MS, () => expectHello(this.state));
      this.#closeAfter(connectionLifeMs(peer, clock()), () => this.#end(""));
    });
  }

  offer(): void {
    if (this.state === undefined || this.#full || this.#refused || this.#socket.destroyed) return;
    const snapshot = this.#options.snapshotOf(this.state.podUid);
    if (snapshot === undefined || snapshot.version === this.state.sent) return;
    this.state = { ...this.state, sent: snapshot.version };
    if (this.#socket.write(line({ type: "snapshot", snapshot }))) return;
    this.#full = setTimeout(() => this.#socket.destroy(), SNAPSHOT_DEADLINE_MS);
  }

  #receive(peer: VerifiedPeer, chunk: Buffer): void {
    if (this.#refused) return;
    for (const text of this.#readLines(chunk)) {
      const message = parseMessage(text);
      if (message.type === "hello") this.#hello(message, peer);
      else this.#answer(message);
    }
  }

  #hello({ podUid, have }: Hello, peer: VerifiedPeer): void {
    if (this.state !== undefined) throw refused("STREAM_HELLO", "a second hello");
    checkHello(podUid, peer, this.#options.snapshotOf(podUid), this.#address);
    const acked = have === undefined ? {} : { acked: have };
    const connectedAtMs = this.#options.clock();
    this.state = { podUid, spiffeId: peer.spiffeId, address: this.#address, connectedAtMs, ...acked };
    this.offer();
  }

  #answer(message: Answer): void {
    if (this.state === undefined) throw refused("STREAM_HELLO", `expected hello, found ${message.type}`);
    this.state = answered(this.state, message);
    this.#options.onAnswer(message.type);
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  #refuse(thrown: unknown): void {
    this.#refused = true;
    const error = codedError(thrown);
    this.#options.log.warn(
      { err: error, address: this.#address, podUid: this.state?.podUid },
      "snapshot stream: refused",
    );
    const { code, message } = error;
    this.#end(line({ type: "error", code, message }));
  }

  #end(text: string): void {
    this.#socket.end(text, () => this.#socket.destroy());
    const farewell = setTimeout(() => this.#socket.destroy(), FAREWELL_DEADLINE_MS);
    this.#socket.once("close", () => clearTimeout(farewell));
  }

  #closeAfter(delayMs: number, step: () => void): void {
    const timer = setTimeout(() => this.#guarded(step), delayMs);
    this.#socket.once("close", () => clearTimeout(timer));
  }
}

function codedError(thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  return new CodedError("INTERNAL", asError(thrown).message, "see the log of the mesh process", { cause: thrown });
}

function verifiedPeer(socket: TLSSocket, { identity, trustDomain, clock }: SnapshotStreamOptions): VerifiedPeer {
  if (socket.alpnProtocol !== SNAPSHOT_ALPN) throw refused("STREAM_HELLO", `expected ALPN ${SNAPSHOT_ALPN}`);
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw refused("STREAM_IDENTITY", "no certificate");
  return verifyPeer(certificate, identity.current().bundlePem, trustDomain, undefined, clock());
}

function parseMessage(text: string): Message {
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

function answered(state: SidecarState, message: Answer): SidecarState {
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
