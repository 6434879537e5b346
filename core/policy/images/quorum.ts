import { MINUTE_MS } from "../../base/clock.ts";
import type { Digest } from "../evidence.ts";
import type { Threshold } from "./schema/fields.ts";

/** A clock may be this far behind the one that stamped a claim, in milliseconds; further ahead is not believed. */
export const CLOCK_SKEW_MS = 5 * MINUTE_MS;

/** One verified statement by one authority, whatever it states. */
export interface Claim {
  /** The authority's name. */
  readonly signer: string;
  /** Who spoke, where the authority may be several. */
  readonly identity?: string;
  readonly digest: Digest;
  readonly signedAtMs?: number;
  /** From this millisecond on it counts no longer. */
  readonly validUntilMs?: number;
}

/** Whose word is asked for, how many of them, and how old it may be. */
export interface Quorum {
  readonly of: readonly { readonly name: string }[];
  readonly require: Threshold;
  readonly maxAgeMs?: number | undefined;
}

/** How the claims count towards a quorum. */
export interface Tally<C> {
  readonly met: boolean;
  /** Claims that count, one for each authority that is satisfied. */
  readonly counted: readonly C[];
  /** Claims of these authorities that are too old, have ended, or are from the future. */
  readonly stale: readonly C[];
  /** Claims of these authorities whose time nobody vouches for, where an age is asked for. */
  readonly undated: readonly C[];
}

/** How many of so many authorities a threshold means. */
export function wantedOf(require: Threshold, authorities: number): number {
  if (require === "all") return authorities;
  return require === "any" ? 1 : require.atLeast;
}

/**
 * Counts authorities, never claims: two signatures by one count once. An authority that may be several identities does
 * not count twice for one person either: every authority counted has an identity of its own.
 */
export function tally<C extends Claim>(claims: readonly C[], quorum: Quorum, nowMs: number): Tally<C> {
  const names = quorum.of.map(({ name }) => name);
  const theirs = claims.filter(({ signer }) => names.includes(signer));
  const stale = theirs.filter((claim) => isStale(claim, quorum.maxAgeMs, nowMs));
  const inTime = theirs.filter((claim) => !stale.includes(claim));
  const undated = quorum.maxAgeMs === undefined ? [] : inTime.filter(({ signedAtMs }) => signedAtMs === undefined);
  const fresh = inTime.filter((claim) => !undated.includes(claim));
  const counted = onePerAuthority(names, fresh);
  const wanted = wantedOf(quorum.require, names.length);
  return { met: wanted > 0 && counted.length >= wanted, counted, stale, undated };
}

function isStale({ signedAtMs, validUntilMs }: Claim, maxAgeMs: number | undefined, nowMs: number): boolean {
  if (validUntilMs !== undefined && validUntilMs <= nowMs) return true;
  if (signedAtMs === undefined) return false;
  const ageMs = nowMs - signedAtMs;
  return ageMs < -CLOCK_SKEW_MS || (maxAgeMs !== undefined && ageMs > maxAgeMs);
}

/** The most authorities that can each be given an identity of its own: a maximum matching, by augmenting paths. */
function onePerAuthority<C extends Claim>(names: readonly string[], claims: readonly C[]): C[] {
  const holder = new Map<string, C>();
  const assign = (name: string, tried: Set<string>): boolean => {
    for (const claim of claims) {
      const who = identityOf(claim);
      if (claim.signer !== name || tried.has(who)) continue;
      tried.add(who);
      const other = holder.get(who);
      if (other !== undefined && !assign(other.signer, tried)) continue;
      holder.set(who, claim);
      return true;
    }
    return false;
  };
  for (const name of names) assign(name, new Set());
  return [...holder.values()];
}

/** A key is one identity: the authority's own. */
function identityOf({ identity, signer }: Claim): string {
  return identity === undefined ? `authority ${signer}` : `identity ${identity}`;
}
