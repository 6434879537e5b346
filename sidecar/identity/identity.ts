import { createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import type { Svid, SvidSource } from "../../core/identity/svid.ts";
import { type VerifiedPeer, verifyPeer } from "../../core/identity/verify.ts";
import { SidecarError } from "../errors.ts";

/** Our certificate as the data path uses it: one TLS context per renewal, and the check of every peer. */
export interface Identity {
  svid(): Svid;
  /** For dialling; replaced at each renewal, connections keep the one they began with. */
  context(): SecureContext;
  onChange(listener: () => void): void;
  renew(): Promise<void>;
  /**
   * Who is at the other end of a finished handshake. Called on both sides of every connection, resumed ones too.
   * @throws {SidecarError} MTLS_FAILED; {CodedError} SVID_…
   */
  verify(socket: TLSSocket, expectedId?: string): VerifiedPeer;
  close(): void;
}

export function createIdentity(source: SvidSource, trustDomain: string): Identity {
  let context = contextOf(source.current());
  const listeners: (() => void)[] = [];
  source.onChange((svid) => {
    context = contextOf(svid);
    for (const listener of listeners) listener();
  });
  return {
    svid: () => source.current(),
    context: () => context,
    onChange: (listener) => void listeners.push(listener),
    renew: () => source.renew(),
    verify: (socket, expectedId) => verify(socket, source.current().bundlePem, trustDomain, expectedId),
    close: () => source.close(),
  };
}

function contextOf(svid: Svid): SecureContext {
  return createSecureContext(tlsMaterial(svid));
}

/** What both `tls.createServer` and `createSecureContext` take. */
export function tlsMaterial(svid: Svid) {
  return { cert: svid.certChainPem, key: svid.keyPem, ca: svid.bundlePem, minVersion: "TLSv1.3" } as const;
}

function verify(socket: TLSSocket, bundlePem: string, trustDomain: string, expectedId?: string): VerifiedPeer {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new SidecarError("MTLS_FAILED", "the peer showed no certificate");
  return verifyPeer(certificate, bundlePem, trustDomain, expectedId);
}
