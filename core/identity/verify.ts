import { X509Certificate } from "node:crypto";
import { CodedError } from "../base/errors.ts";
import { type CertificateFacts, KEY_USAGE, OID, readCertificate } from "../wire/x509/x509.ts";
import { parseBundle, parseCertificates, type TrustBundle } from "./bundle.ts";
import { IDENTITY_ERRORS, type IdentityCode } from "./errors.ts";
import { parseSpiffeId } from "./spiffe-id.ts";

/** Who a verified certificate speaks for. Only this file makes one. */
export interface VerifiedPeer {
  readonly spiffeId: string;
  /** The pod it was issued to; absent when another authority issued it. */
  readonly podUid?: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Upper-case hexadecimal. */
  readonly serial: string;
}

/** As TLS hands it over, or DER: the leaf alone, or the leaf and its intermediates. */
export type PresentedCertificate = X509Certificate | Uint8Array | readonly Uint8Array[];

/** Most certificates between a leaf and its anchor. */
export const LONGEST_CHAIN = 5;

/**
 * Verifies the certificate of a TLS peer, after the handshake, on both sides of every connection, resumed ones too.
 *
 * Cost: one parse and one P-256 verification per certificate of the chain, about 0.2 ms.
 *
 * @param certificate  `socket.getPeerX509Certificate()`, called once per socket (on the client's side Node takes the
 *   leaf out of the chain by reading it; on a resumed client session there is none). Intermediates are read from its
 *   `issuerCertificate` links; some releases of Node 24 and 26 drop them on the server's side (nodejs/node#65579)
 * @param bundle  the anchors of `trustDomain` alone; Node's own `ca` check accepts the union of all bundles
 * @param expectedId  the id that was dialled; absent when any workload of the trust domain may call
 * @throws {CodedError} SVID_INVALID, SVID_UNTRUSTED, SVID_EXPIRED, SVID_WRONG_DOMAIN, SVID_UNEXPECTED, ID_INVALID
 */
export function verifyPeer(
  certificate: PresentedCertificate,
  bundle: TrustBundle,
  trustDomain: string,
  expectedId?: string,
  nowMs: number = Date.now(),
): VerifiedPeer {
  const peer = verifyChain(chainOf(certificate), parseBundle(bundle), trustDomain, nowMs);
  if (expectedId === undefined || expectedId === peer.spiffeId) return peer;
  throw refuse("SVID_UNEXPECTED", `expected ${expectedId}, the peer is ${peer.spiffeId}`);
}

/** Verifies an SVID held as PEM text, leaf first. @throws as `verifyPeer` */
export function verifySvid(
  certChainPem: string,
  bundle: TrustBundle,
  trustDomain: string,
  nowMs: number = Date.now(),
): VerifiedPeer {
  return verifyChain(parseCertificates(certChainPem, "certificate chain"), parseBundle(bundle), trustDomain, nowMs);
}

function verifyChain(
  chain: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  trustDomain: string,
  nowMs: number,
): VerifiedPeer {
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined) throw refuse("SVID_INVALID", "no certificate");
  const facts = readFacts(leaf);
  const spiffeId = checkLeaf(facts);
  if (parseSpiffeId(spiffeId).trustDomain !== trustDomain) {
    throw refuse("SVID_WRONG_DOMAIN", `${spiffeId}: expected trust domain ${trustDomain}`);
  }
  checkValidity(facts, spiffeId, nowMs);
  checkChain(leaf, intermediates, anchors, spiffeId, nowMs);
  const podUid = facts.podUid === undefined ? {} : { podUid: facts.podUid };
  return {
    spiffeId,
    ...podUid,
    notBeforeMs: facts.notBeforeMs,
    notAfterMs: facts.notAfterMs,
    serial: leaf.serialNumber,
  };
}

/** The rules of a leaf SVID. @returns its SPIFFE id @see X509-SVID sections 2, 4 and 5.2 */
function checkLeaf(facts: CertificateFacts): string {
  const [uri, ...more] = facts.altNames.uris;
  if (uri === undefined || more.length > 0) {
    throw refuse("SVID_INVALID", `expected exactly one URI name, found ${facts.altNames.uris.length}`);
  }
  parseSpiffeId(uri);
  const fault = leafFault(facts);
  if (fault !== undefined) throw refuse("SVID_INVALID", `${uri}: ${fault}`);
  return uri;
}

function leafFault({ isCa, keyUsage, extKeyUsage, unknownCritical }: CertificateFacts): string | undefined {
  if (isCa) return "is a certificate authority";
  if (!keyUsage?.has(KEY_USAGE.digitalSignature)) return "key usage lacks digitalSignature";
  if (keyUsage.has(KEY_USAGE.keyCertSign) || keyUsage.has(KEY_USAGE.cRLSign)) return "its key may sign certificates";
  if (!extKeyUsage.includes(OID.serverAuth)) return "extended key usage lacks serverAuth";
  if (!extKeyUsage.includes(OID.clientAuth)) return "extended key usage lacks clientAuth";
  return unknownCritical.length === 0 ? undefined : `unknown critical extension ${unknownCritical[0]}`;
}

function checkValidity(facts: CertificateFacts, whose: string, nowMs: number): void {
  if (nowMs >= facts.notBeforeMs && nowMs <= facts.notAfterMs) return;
  const when = nowMs < facts.notBeforeMs ? `begins ${iso(facts.notBeforeMs)}` : `ended ${iso(facts.notAfterMs)}`;
  throw refuse("SVID_EXPIRED", `${whose}: ${when}, it is ${iso(nowMs)}`);
}

/** Walks from the leaf to an anchor, preferring anchors: each step must carry the issuer's signature. */
function checkChain(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  spiffeId: string,
  nowMs: number,
): void {
  let current = leaf;
  for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
    const anchor = anchors.find((candidate) => issued(candidate, current));
    if (anchor !== undefined) {
      checkValidity(readFacts(anchor), `${spiffeId}: its anchor`, nowMs);
      return;
    }
    const next = intermediates.find((candidate) => isAuthority(candidate) && issued(candidate, current));
    if (next === undefined || next === current) break;
    checkValidity(readFacts(next), `${spiffeId}: an intermediate`, nowMs);
    current = next;
  }
  throw refuse("SVID_UNTRUSTED", `${spiffeId}: issued by none of ${anchors.length} anchors`);
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

function isAuthority(certificate: X509Certificate): boolean {
  const { isCa, keyUsage, unknownCritical } = readFacts(certificate);
  return isCa && (keyUsage?.has(KEY_USAGE.keyCertSign) ?? false) && unknownCritical.length === 0;
}

function chainOf(certificate: PresentedCertificate): X509Certificate[] {
  if (certificate instanceof X509Certificate) return [certificate, ...issuersOf(certificate)];
  const chain = certificate instanceof Uint8Array ? [certificate] : certificate;
  return chain.slice(0, LONGEST_CHAIN).map((encoded) => new X509Certificate(encoded));
}

/** The chain as TLS received it; a root's issuer is itself, and a peer may send a loop. */
function issuersOf(leaf: X509Certificate): X509Certificate[] {
  const list: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next !== undefined && list.length < LONGEST_CHAIN; ) {
    list.push(next);
    next = next.issuerCertificate;
  }
  return list;
}

function readFacts(certificate: X509Certificate): CertificateFacts {
  try {
    return readCertificate(certificate.raw);
  } catch (cause) {
    throw refuse("SVID_INVALID", "certificate not readable", cause);
  }
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}

function refuse(code: IdentityCode, message: string, cause?: unknown): CodedError {
  return new CodedError(code, message, IDENTITY_ERRORS[code].fix, { cause });
}
