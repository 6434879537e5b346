import { generateKeyPairSync } from "node:crypto";
import { type Clock, DAY_MS, HOUR_MS } from "../../core/base/clock.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import type { Log } from "../../core/base/log.ts";
import { writeFileAtomically } from "../../core/identity/atomic-file.ts";
import { type Authority, createAuthority } from "../../core/identity/authority.ts";

/** Life of the serving certificate, and how long before its end the next one serves, in milliseconds. */
export const SERVING_TTL_MS = 30 * DAY_MS;
export const SERVING_RENEWAL_MS = 10 * DAY_MS;
/** How often both are looked at, in milliseconds. */
export const SERVING_CHECK_MS = HOUR_MS;

/** The webhook's own domain: its certificates are no workload identity of the mesh. */
export const WEBHOOK_DOMAIN = "webhook.outrider.internal";
const WEBHOOK_ID = `spiffe://${WEBHOOK_DOMAIN}/ns/outrider-system/sa/outrider-admission`;

/** What the listener serves with. */
export interface ServingCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  readonly notAfterMs: number;
}

export interface ServingOptions {
  readonly stateDir: string;
  /** Where the anchors go that the API server must trust. */
  readonly caFile: string;
  /** Names and addresses the API server may dial. */
  readonly serverNames: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** The webhook's certificates: an authority kept in `stateDir`, and a serving certificate renewed under load. */
export interface Serving extends Closable {
  current(): ServingCertificate;
  /** The anchors, PEM, the newest first: what a webhook configuration's caBundle must hold. */
  bundle(): string;
  /** A new serving key and certificate, from the same authority. */
  renew(): void;
  /** A new anchor, published at once and signing only once webhook configurations had time to learn it. */
  rotate(): void;
}

/**
 * Opens the authority, or makes one, writes the anchors to `caFile` and serves a fresh certificate. Everything is
 * looked at again each hour: serving certificate, authority, and anchors whose overlap has ended.
 *
 * @param onRenewed  called after each change with what to serve from now on
 * @throws {CodedError} IDENTITY_FILE, DISK_FULL
 */
export function createServing(options: ServingOptions, onRenewed: (next: ServingCertificate) => void): Serving {
  const { stateDir, caFile, serverNames, clock, log } = options;
  const authority = createAuthority({ trustDomain: WEBHOOK_DOMAIN, stateDir, certificateTtlMs: SERVING_TTL_MS, clock });
  const bundle = () => authority.bundle().join("");
  const issue = () => issueServing(authority, serverNames, SERVING_TTL_MS);
  const publish = () => writeFileAtomically(caFile, bundle(), 0o644);
  publish();
  let serving = issue();
  const renew = () => {
    const next = issue();
    onRenewed(next); // where that fails, the one that is served still counts, and the next look tries again
    serving = next;
  };
  const rotate = () => {
    authority.rotate();
    publish();
    renew();
  };
  const look = () => {
    try {
      const changed = authority.maintain();
      if (changed) publish();
      if (changed || serving.notAfterMs - clock() < SERVING_RENEWAL_MS) renew();
    } catch (err) {
      log.error({ err }, "serving certificate not renewed");
    }
  };
  const timer = setInterval(look, SERVING_CHECK_MS).unref();
  return { current: () => serving, bundle, renew, rotate, close: () => clearInterval(timer) };
}

/** A new key with its certificate. */
export function issueServing(authority: Authority, hosts: readonly string[], ttlMs: number): ServingCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const issued = authority.issue({ spiffeId: WEBHOOK_ID, publicKey: spki, ttlMs, hosts });
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { certPem: issued.chain.join(""), keyPem, notAfterMs: issued.notAfterMs };
}
