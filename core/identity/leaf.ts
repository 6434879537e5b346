import { isIPv4 } from "node:net";
import { MINUTE_MS } from "../base/clock.ts";
import { altNames, LEAF_EXTENSIONS, podUidExtension } from "../wire/x509/writer.ts";
import { certify, newSerial, type Root, type Signer, signerOf } from "./root.ts";
import { parseSpiffeId } from "./spiffe-id.ts";

/** What a leaf is to say. Every name comes from whoever vouched for the caller, never from its request. */
export interface LeafRequest {
  readonly spiffeId: string;
  /** SubjectPublicKeyInfo, DER, of a P-256 key. */
  readonly publicKey: Uint8Array;
  readonly ttlMs: number;
  readonly podUid?: string;
  /** For servers that clients outside the mesh dial by name or address. */
  readonly hosts?: readonly string[];
}

export interface IssuedCertificate {
  /** PEM: the leaf, then its intermediates, of which this authority has none. */
  readonly chain: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Upper-case hexadecimal. */
  readonly serial: string;
}

const BACK_DATED_MS = 5 * MINUTE_MS;

/** One leaf, which ends before its root does or leaves the bundle. Runs once per workload and renewal; about 0.1 ms, most of it the P-256 signature. */
export function signLeaf(request: LeafRequest, root: Root, nowMs: number): IssuedCertificate {
  parseSpiffeId(request.spiffeId);
  const serial = newSerial();
  const notBeforeMs = wholeSeconds(nowMs - BACK_DATED_MS);
  const notAfterMs = wholeSeconds(
    Math.min(nowMs + request.ttlMs, root.notAfterMs, root.retireAtMs ?? Number.POSITIVE_INFINITY),
  );
  const leaf = certify(
    {
      serial,
      subjectName: "",
      notBeforeMs,
      notAfterMs,
      publicKey: request.publicKey,
      extensions: extensionsOf(request),
    },
    signerFor(root),
  );
  return {
    chain: [leaf],
    notBeforeMs,
    notAfterMs,
    serial: Buffer.from(serial).toString("hex").toUpperCase(),
  };
}

function extensionsOf({ spiffeId, podUid, hosts = [] }: LeafRequest): Uint8Array[] {
  const ips = hosts.filter(isIPv4).map((host) => Uint8Array.from(host.split("."), Number));
  const dns = hosts.filter((host) => /[a-z]/i.test(host) && !host.includes(":"));
  const names = altNames({ uris: [spiffeId], dns, ips }, true);
  return [...LEAF_EXTENSIONS, names, ...(podUid === undefined ? [] : [podUidExtension(podUid)])];
}

const signers = new WeakMap<Root, Signer>();

function signerFor(root: Root): Signer {
  const signer = signers.get(root) ?? signerOf(root);
  signers.set(root, signer);
  return signer;
}

/** X.509 times have no fractions. */
function wholeSeconds(atMs: number): number {
  return Math.floor(atMs / 1000) * 1000;
}
