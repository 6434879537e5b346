import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { HOUR_MS } from "../../core/base/clock.ts";
import { codedSystemError } from "../../core/base/errors.ts";
import { writeFileAtomically } from "../../core/identity/atomic-file.ts";
import { type Authority, createAuthority } from "../../core/identity/authority.ts";
import type { SvidSource } from "../../core/identity/svid.ts";
import type { MeshSetting } from "../setting.ts";
import { openCaDoor } from "./ca-door.ts";
import { certificateRefused, rootRotated } from "./identity-events.ts";
import { createOwnIdentity } from "./own-identity.ts";
import { createRateLimit } from "./rate-limit.ts";
import { createJwksReviewer, type ReviewedPod } from "./token-review.ts";

/** How often the authority looks after its roots, in milliseconds. */
const MAINTENANCE_MS = HOUR_MS;
/** Refusals written to the log and sent as events at once, and per second after that; every one is counted. */
export const REFUSALS_TOLD_BURST = 50;
export const REFUSALS_TOLD_PER_SECOND = 5;
const WORLD_READABLE = 0o644;

/** Identities: the authority, the mesh's own SVID, and the roots' rotation. */
export interface IdentityPlane {
  readonly authority: Authority;
  readonly identity: SvidSource;
  /** @returns the anchors that live afterwards, and when the new one signs. @throws {CodedError} CA_ROTATION_BUSY */
  rotateRoot(): Promise<{ readonly bundle: readonly string[]; readonly signsFromMs: number }>;
}

/** @throws {CodedError} IDENTITY_FILE, FILE_NOT_USABLE, DISK_FULL */
export function openIdentityPlane({ config, clock, opened, emit, log }: MeshSetting): IdentityPlane {
  const { trustDomain, stateDir, ca, snapshots } = config;
  const authority = createAuthority({ trustDomain, stateDir, certificateTtlMs: ca.certificateTtl, clock });
  const hosts = [...new Set([ca.listen.host, snapshots.listen.host])];
  writeBundle(authority, config.bundleFile);
  const identity = createOwnIdentity({ authority, hosts, ttlMs: ca.certificateTtl, clock });
  opened(identity);
  const announce = async () => {
    writeBundle(authority, config.bundleFile);
    await identity.renew();
    log.info({ anchors: authority.bundle().length }, "trust bundle changed");
    emit(rootRotated(trustDomain, authority.bundle().length, clock()));
  };
  const maintain = async () => {
    if (authority.maintain()) await announce();
    else writeBundle(authority, config.bundleFile); // an earlier write may have met a full disk
  };
  const failed = (err: unknown) => log.error({ err }, "roots not maintained");
  const maintenance = setInterval(() => maintain().catch(failed), MAINTENANCE_MS);
  opened({ close: () => clearInterval(maintenance) });
  return {
    authority,
    identity,
    rotateRoot: async () => {
      const { signsFromMs } = authority.rotate();
      await announce();
      return { bundle: authority.bundle(), signsFromMs };
    },
  };
}

function writeBundle(authority: Authority, file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (thrown) {
    throw codedSystemError(thrown, dirname(file));
  }
  writeFileAtomically(file, authority.bundle().join(""), WORLD_READABLE);
}

/** Opens the certificate authority's door. @returns its address. @throws {CodedError} CA_JWKS_INVALID, PORT_IN_USE */
export async function openAuthority(
  setting: MeshSetting,
  { authority, identity }: IdentityPlane,
  holdsPod: (pod: ReviewedPod) => boolean,
): Promise<string> {
  const { config, clock, log, emit, meters, tracing } = setting;
  const { ca, tokens } = config;
  const told = createRateLimit({ burst: REFUSALS_TOLD_BURST, perSecond: REFUSALS_TOLD_PER_SECOND });
  let untold = 0;
  const door = await openCaDoor({
    listen: ca.listen,
    authority,
    identity,
    clock,
    tracing,
    tokens: createJwksReviewer({ jwksFile: tokens.jwks, issuer: tokens.issuer, audience: tokens.audience, clock }),
    certificateTtlMs: ca.certificateTtl,
    holdsPod,
    onIssued: (pod, { serial }) => {
      meters.certificate("issued");
      log.info({ pod, serial }, "certificate issued");
    },
    onRefused: (error, address) => {
      meters.certificate(error.code);
      if (!told.allows("", clock())) {
        untold++;
        return;
      }
      log.warn({ err: error, address, ...(untold === 0 ? {} : { untold }) }, "certificate refused");
      untold = 0;
      emit(certificateRefused(error, address, clock()));
    },
  });
  setting.opened(door);
  return door.address;
}
