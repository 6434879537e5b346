import { createPublicKey, verify } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { DAY_MS, MINUTE_MS } from "../base/clock.ts";
import { CodedError } from "../base/errors.ts";
import { readPem } from "../wire/pem.ts";
import { type CertificateRequest, readCertificateRequest } from "../wire/x509-request.ts";
import { type IssuedCertificate, type LeafRequest, signLeaf } from "./leaf.ts";
import { createRoot, crossSign, type Root, signingRoot } from "./root.ts";
import { loadRoots, saveRoots } from "./root-store.ts";

/** How long a root lives, and how long before its end the next one takes over, in milliseconds. */
export const ROOT_TTL_MS = 365 * DAY_MS;
export const ROOT_RENEWAL_MS = 60 * DAY_MS;
/** Clocks of a cluster differ: certificates begin this long before they are issued. */
export const BACK_DATED_MS = 5 * MINUTE_MS;
/** Most roots alive at once: the signing one and those whose leaves still live. */
export const MOST_LIVE_ROOTS = 4;

/** The mesh's certificate authority. Its root key stays in the process and in one file only its owner can read. */
export interface Authority {
  readonly trustDomain: string;
  /** Every live anchor as PEM: the signing root first, then those still in their overlap. */
  bundle(): readonly string[];
  issue(request: LeafRequest): IssuedCertificate;
  /**
   * A new root signs from now on. Peers that know only the old one accept its leaves through a cross-signed
   * certificate in the chain; the old root leaves the bundle when its last leaf has ended.
   *
   * @throws {CodedError} CA_ROTATION_BUSY when MOST_LIVE_ROOTS are alive
   */
  rotate(): void;
  /** Drops roots past their overlap, rotates a root near its end. @returns whether the bundle changed */
  maintain(): boolean;
  signingRootNotAfterMs(): number;
}

export interface AuthorityOptions {
  readonly trustDomain: string;
  readonly stateDir: string;
  /** The longest life of a leaf: how long an old root stays in the bundle. */
  readonly certificateTtlMs: number;
  readonly clock: Clock;
}

/** Opens the authority kept in `stateDir`, or makes its first root. @throws {CodedError} IDENTITY_FILE, DISK_FULL */
export function createAuthority(options: AuthorityOptions): Authority {
  const { trustDomain, stateDir, certificateTtlMs, clock } = options;
  let roots = loadRoots(stateDir);
  const save = (next: readonly Root[]) => {
    saveRoots(stateDir, next);
    roots = next;
  };
  const rotate = () => {
    if (roots.length >= MOST_LIVE_ROOTS) throw rotationBusy();
    save(rotated(roots, trustDomain, certificateTtlMs, clock()));
  };
  if (roots.length === 0) save([createRoot(trustDomain, clock(), ROOT_TTL_MS)]);
  return {
    trustDomain,
    bundle: () => roots.map((root) => root.certificatePem),
    issue: (request) => signLeaf(request, signingRoot(roots), roots, clock()),
    rotate,
    maintain: () => {
      const before = roots;
      const live = roots.filter((root) => (root.retireAtMs ?? Number.POSITIVE_INFINITY) > clock());
      if (live.length < roots.length) save(live);
      if (signingRoot(roots).notAfterMs - clock() < ROOT_RENEWAL_MS && roots.length < MOST_LIVE_ROOTS) rotate();
      return roots !== before;
    },
    signingRootNotAfterMs: () => signingRoot(roots).notAfterMs,
  };
}

/** The new root first; the old one without its key, so that it can sign nothing more. */
function rotated(roots: readonly Root[], trustDomain: string, certificateTtlMs: number, nowMs: number): Root[] {
  const next = createRoot(trustDomain, nowMs, ROOT_TTL_MS);
  const retireAtMs = nowMs + certificateTtlMs + 2 * BACK_DATED_MS;
  const old = roots.map(({ keyPem: _, ...root }) => ({ ...root, retireAtMs: root.retireAtMs ?? retireAtMs }));
  return [{ ...next, crossPem: crossSign(next, signingRoot(roots), nowMs) }, ...old];
}

/**
 * A request whose sender holds the private key.
 *
 * @throws {CodedError} CSR_INVALID
 */
export function readSignedRequest(pem: string): CertificateRequest {
  try {
    const [encoded, ...more] = readPem(pem, "CERTIFICATE REQUEST");
    if (encoded === undefined || more.length > 0) throw new Error("expected one CERTIFICATE REQUEST block");
    const request = readCertificateRequest(encoded);
    const key = createPublicKey({ key: Buffer.from(request.publicKey), format: "der", type: "spki" });
    if (verify("sha256", request.info, key, request.signature)) return request;
    throw new Error("its signature does not match its key");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError(
      "CSR_INVALID",
      `certificate request: ${why}`,
      "create the request anew with an ECDSA P-256 key",
      {
        cause,
      },
    );
  }
}

function rotationBusy(): CodedError {
  const message = `root rotation: ${MOST_LIVE_ROOTS} roots are alive already`;
  return new CodedError(
    "CA_ROTATION_BUSY",
    message,
    "wait until the oldest leaves the bundle, one certificateTtl after its rotation",
  );
}
