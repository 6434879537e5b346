import { atTime, Refused, refuse } from "./refusal.ts";
import type { NotarySignature } from "./signature.ts";
import type { NotaryStore } from "./store.ts";
import { verifyTimestamp } from "./timestamp/timestamp.ts";
import type { TimeRange } from "./timestamp/tst-info.ts";
import type { Certificate } from "./x509/certificate.ts";
import { named } from "./x509/chain.ts";

/** How old a signature is, where somebody trusted says when it existed, and until when it counts. */
export interface TrustedTime {
  /** The signer's own time or the trusted one, whichever is earlier: a timestamp can be had anew for an old signature. */
  readonly signedAtMs?: number;
  /** From this millisecond on it counts no longer. */
  readonly validUntilMs?: number;
}

/**
 * Holds the signing chain's validity against the one time that can be believed:
 *
 *   notary.x509.signingAuthority   the authority's own signing time
 *   notary.x509, with timestamp authorities in the store   a countersignature by one of them
 *   notary.x509, without           now
 *
 * @throws {Refused}
 * @see notaryproject/specifications specs/trust-store-trust-policy.md, "Validate Trusted Timestamp"
 */
export function judgeTime(signature: NotarySignature, store: NotaryStore, nowMs: number): TrustedTime {
  const { attributes, chain } = signature;
  const { expiryMs, signingTimeMs } = attributes;
  if (expiryMs !== undefined && nowMs >= expiryMs)
    refuse(`a signature that expired at ${atTime(expiryMs)}`, "one that has not");
  const trusted = timeOf(signature, store);
  if (trusted !== undefined) {
    for (const one of chain) judgeValidity(one, trusted);
    const signedAtMs = Math.min(trusted.atMs, signingTimeMs);
    return { signedAtMs, ...(expiryMs === undefined ? {} : { validUntilMs: expiryMs }) };
  }
  for (const one of chain) judgeValidity(one, { atMs: nowMs, earliestMs: nowMs, latestMs: nowMs });
  return { validUntilMs: Math.min(expiryMs ?? Number.POSITIVE_INFINITY, ...chain.map((one) => one.notAfterMs + 1)) };
}

/** `undefined` where nobody vouches for a time and the store does not ask for it. */
function timeOf({ attributes, envelope }: NotarySignature, store: NotaryStore): TimeRange | undefined {
  if (attributes.scheme === "notary.x509.signingAuthority") {
    const atMs = attributes.signingTimeMs;
    return { atMs, earliestMs: atMs, latestMs: atMs };
  }
  if (store.timestampAuthorities.length === 0) return undefined;
  const optional = store.verifyTimestamp === "afterCertExpiry";
  if (envelope.timestamp === undefined)
    return optional ? undefined : refuse("a signature without a timestamp", "one by a trusted timestamp authority");
  try {
    return verifyTimestamp(envelope.timestamp, envelope.signature, store.timestampAuthorities, store.revoked);
  } catch (thrown) {
    if (optional && thrown instanceof Refused) return undefined;
    throw thrown;
  }
}

function judgeValidity(one: Certificate, { earliestMs, latestMs }: TimeRange): void {
  if (earliestMs < one.notBeforeMs)
    refuse(`${named(one)} that was not valid before ${atTime(one.notBeforeMs)}`, `one valid at ${atTime(earliestMs)}`);
  if (latestMs > one.notAfterMs)
    refuse(`${named(one)} that expired at ${atTime(one.notAfterMs)}`, `one valid at ${atTime(latestMs)}`);
}
