import { X509Certificate } from "node:crypto";
import { type Clock, MINUTE_MS } from "../../core/base/clock.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import type { Log } from "../../core/base/log.ts";
import type { ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { writeFileAtomically } from "../../core/identity/atomic-file.ts";
import type { Authority } from "../../core/identity/authority.ts";
import { issueServing, type ServingCertificate, WEBHOOK_DOMAIN } from "../https/tls.ts";
import type { Registration } from "./registration.ts";
import { readSharedAuthority } from "./shared-authority.ts";

/** How often the Secret is looked at; sooner where lives are short. */
export const LONGEST_CHECK_MS = MINUTE_MS;
/** A serving certificate is renewed when this part of its life is left. */
const RENEWAL_SHARE = 1 / 3;
const CHECKS_PER_LIFE = 8;

export interface SharedServingOptions {
  readonly api: ApiServer;
  readonly registration: Registration;
  readonly namespace: string;
  readonly serverNames: readonly string[];
  readonly caFile: string;
  readonly lives: { readonly servingMs: number; readonly anchorMs: number; readonly overlapMs: number };
  readonly clock: Clock;
  readonly log: Log;
}

export interface SharedServing extends Closable {
  current(): ServingCertificate;
  /** The anchors that every configuration trusts by now, PEM, the newest first. */
  bundle(): string;
}

/**
 * A serving certificate of this replica's own, from the authority all replicas share.
 *
 *   read     the authority from its Secret; rotated there when it is time
 *   trust    every anchor of it goes into the webhook configurations
 *   issue    only then may anything be served from it
 *
 * While the API server cannot be asked, the authority known last goes on issuing: the API server that would not know it
 * is the one that cannot be asked.
 *
 * @throws {CodedError} when the authority cannot be read the first time
 */
export async function openSharedServing(
  options: SharedServingOptions,
  onRenewed: (next: ServingCertificate) => void,
): Promise<SharedServing> {
  const { api, registration, namespace, serverNames, caFile, lives, clock, log } = options;
  const read = async (): Promise<Authority> => {
    const next = await readSharedAuthority({
      api,
      namespace,
      trustDomain: WEBHOOK_DOMAIN,
      certificateTtlMs: lives.servingMs,
      rootTtlMs: lives.anchorMs,
      learnMs: lives.overlapMs,
      clock,
    });
    const bundle = next.bundle().join("");
    await registration.trust(bundle);
    if (bundle !== published) writeFileAtomically(caFile, bundle, 0o644);
    published = bundle;
    return next;
  };
  let published = "";
  let trusted = await read();
  let serving = issueServing(trusted, serverNames, lives.servingMs);
  const look = async () => {
    try {
      trusted = await read();
    } catch (err) {
      log.error({ err }, "webhook authority not read; the one read last goes on");
    }
    const due = serving.notAfterMs - clock() < lives.servingMs * RENEWAL_SHARE;
    if (!due && isOf(serving, trusted)) return;
    const next = issueServing(trusted, serverNames, lives.servingMs);
    onRenewed(next); // where that fails, the one that is served still counts, and the next look tries again
    serving = next;
  };
  const everyMs = Math.min(LONGEST_CHECK_MS, lives.servingMs / CHECKS_PER_LIFE);
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((err: unknown) => log.error({ err }, "serving certificate not renewed"))
      .finally(() => {
        looking = false;
      });
  }, everyMs).unref();
  return { current: () => serving, bundle: () => published, close: () => clearInterval(timer) };
}

/** Somebody who removed the Secret wants another authority at once: what the old one issued is worth nothing then. */
function isOf({ certPem }: ServingCertificate, authority: Authority): boolean {
  const certificate = new X509Certificate(certPem);
  return authority.bundle().some((anchor) => certificate.verify(new X509Certificate(anchor).publicKey));
}
