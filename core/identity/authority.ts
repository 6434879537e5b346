import { createPublicKey, verify } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { DAY_MS, MINUTE_MS } from "../base/clock.ts";
import { CodedError } from "../base/errors.ts";
import { readPem } from "../wire/x509/pem.ts";
import { type CertificateRequest, readCertificateRequest } from "../wire/x509/request.ts";
import { IDENTITY_ERRORS, type IdentityCode } from "./errors.ts";
import { type IssuedCertificate, type LeafRequest, signLeaf } from "./leaf.ts";
import { createRoot, type Root, signingRoot } from "./root.ts";
import { folderOfRoots, type RootStore } from "./root-store.ts";

/** How long a root lives, and how long before its end the next one takes over, in milliseconds. */
export const ROOT_TTL_MS = 365 * DAY_MS;
export const ROOT_RENEWAL_MS = 60 * DAY_MS;
/** Clocks of a cluster differ: certificates begin this long before they are issued. */
export const BACK_DATED_MS = 5 * MINUTE_MS;
/** Added to each wait of a rotation, for clocks that differ. */
const CLOCK_MARGIN_MS = 2 * BACK_DATED_MS;
/** Most roots alive at once: the signing one, its successor, and those whose leaves still live. */
export const MOST_LIVE_ROOTS = 4;

/** The mesh's certificate authority. Its root key stays in the process and in one file only its owner can read. */
export interface Authority {
  readonly trustDomain: string;
  /** Every live anchor as PEM, the newest first. */
  bundle(): readonly string[];
  issue(request: LeafRequest): IssuedCertificate;
  /**
   * Publishes a new root. The old one goes on signing until every workload has renewed once and so trusts both (one
   * leaf's life), then the new one signs; the old leaves the bundle when its last leaf has ended. At no time does a
   * peer meet a certificate of a root it has not heard of, whatever order workloads renew in.
   *
   * @returns when the new root begins to sign
   * @throws {CodedError} CA_ROTATION_BUSY while the rotation before it is not done
   */
  rotate(): { readonly signsFromMs: number };
  /** Drops keys and roots that are done with, rotates a root near its end. @returns whether the bundle changed */
  maintain(): boolean;
  signingRootNotAfterMs(): number;
}

export interface AuthorityOptions {
  readonly trustDomain: string;
  /** Where the roots are kept: a folder of this machine, or wherever the caller does. */
  readonly stateDir: string | RootStore;
  /** The longest life of a leaf: how long an old root stays in the bundle. */
  readonly certificateTtlMs: number;
  readonly clock: Clock;
  /** Life of a root, a year unless said; the next one is published when a sixth of it is left. */
  readonly rootTtlMs?: number;
  /**
   * How long a new root is published before it signs. Unless said, as long as the longest-lived leaf: peers that learn of
   * roots when they renew have then all done so.
   */
  readonly learnMs?: number;
}

/** Opens the authority kept in `stateDir`, or makes its first root. @throws {CodedError} IDENTITY_FILE, FILE_NOT_USABLE, DISK_FULL */
export function createAuthority(options: AuthorityOptions): Authority {
  const { trustDomain, stateDir, certificateTtlMs, clock, rootTtlMs = ROOT_TTL_MS } = options;
  const store = typeof stateDir === "string" ? folderOfRoots(stateDir, trustDomain) : stateDir;
  let roots = store.load();
  const save = (next: readonly Root[]) => {
    store.save(next);
    roots = next;
  };
  const rotate = () => {
    const next = rotated(roots, options);
    save(next.roots);
    return { signsFromMs: next.signsFromMs };
  };
  const maintain = () => {
    const before = roots;
    const kept = keepLive(roots, clock());
    if (kept.length < roots.length || kept.some((root, index) => root !== roots[index])) save(kept);
    if (hasEnded(roots, clock())) save([createRoot(trustDomain, clock(), rootTtlMs, clock()), ...roots]);
    if (isDue(roots, clock(), rootTtlMs)) rotate();
    return roots.length !== before.length || roots[0]?.name !== before[0]?.name;
  };
  if (roots.length === 0) save([createRoot(trustDomain, clock(), rootTtlMs, clock())]);
  else maintain(); // what came due while nobody ran
  if (longestTtlMs(roots) < certificateTtlMs) save(roots.map((root) => ({ ...root, longestTtlMs: certificateTtlMs })));
  return {
    trustDomain,
    bundle: () => roots.map((root) => root.certificatePem),
    issue: (request) => signLeaf(request, signingRoot(roots, clock()), clock()),
    rotate,
    maintain,
    signingRootNotAfterMs: () => signingRoot(roots, clock()).notAfterMs,
  };
}

function rotated(roots: readonly Root[], options: AuthorityOptions) {
  const { trustDomain, certificateTtlMs, clock, rootTtlMs = ROOT_TTL_MS } = options;
  const nowMs = clock();
  if (isRotating(roots, nowMs) || roots.length >= MOST_LIVE_ROOTS) throw rotationBusy(roots);
  const untilRenewedMs = Math.max(certificateTtlMs, longestTtlMs(roots)) + CLOCK_MARGIN_MS;
  const signsFromMs = nowMs + (options.learnMs ?? untilRenewedMs);
  const retireAtMs = signsFromMs + certificateTtlMs + CLOCK_MARGIN_MS;
  const old = roots.map((root) => ({ ...root, retireAtMs: root.retireAtMs ?? retireAtMs }));
  const next = { ...createRoot(trustDomain, nowMs, rootTtlMs, signsFromMs), longestTtlMs: certificateTtlMs };
  return { signsFromMs, roots: [next, ...old] };
}

/** What the configuration says now may be less than what it said when a leaf that still lives was signed. */
function longestTtlMs(roots: readonly Root[]): number {
  return Math.max(0, ...roots.map((root) => root.longestTtlMs ?? 0));
}

function isRotating(roots: readonly Root[], nowMs: number): boolean {
  return roots.some((root) => root.signsFromMs > nowMs);
}

function isDue(roots: readonly Root[], nowMs: number, rootTtlMs: number): boolean {
  if (isRotating(roots, nowMs) || roots.length >= MOST_LIVE_ROOTS) return false;
  return signingRoot(roots, nowMs).notAfterMs - nowMs < rootTtlMs * (ROOT_RENEWAL_MS / ROOT_TTL_MS);
}

/** Nothing the signing root signs is valid any more: nobody can be cut off by a new one at once. */
function hasEnded(roots: readonly Root[], nowMs: number): boolean {
  return signingRoot(roots, nowMs).notAfterMs <= nowMs;
}

/** Retired roots gone; of those that stay, only the signing one and its successor keep their keys. */
function keepLive(roots: readonly Root[], nowMs: number): readonly Root[] {
  const live = roots.filter((root) => (root.retireAtMs ?? Number.POSITIVE_INFINITY) > nowMs);
  const { signsFromMs } = signingRoot(live, nowMs);
  return live.map((root) => (root.signsFromMs >= signsFromMs || root.keyPem === undefined ? root : withoutKey(root)));
}

function withoutKey({ keyPem: _, ...root }: Root): Root {
  return root;
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

function rotationBusy([newest]: readonly Root[]): CodedError {
  const fromText = new Date(newest?.signsFromMs ?? 0).toISOString();
  const code: IdentityCode = "CA_ROTATION_BUSY";
  return new CodedError(
    code,
    `root rotation: one is under way, its root signs from ${fromText}`,
    IDENTITY_ERRORS[code].fix,
  );
}
