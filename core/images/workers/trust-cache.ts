import type { Authority } from "../../policy/images/schema/authority.ts";
import { type TrustId, trustIdOf } from "../cache/trust-id.ts";
import { parseTrust, type Trust } from "../trust.ts";

/** Parsed sets of authorities kept, the one used longest ago dropped first; a large Sigstore root takes some 100 KiB. */
export const TRUSTS_KEPT = 64;

/** Authorities, parsed once per trust id. */
export interface TrustCache {
  /** @throws {CodedError} IMAGE_KEY_INVALID and what else `parseTrust` says */
  of(authorities: readonly Authority[], id?: TrustId): Trust;
}

export function createTrustCache(): TrustCache {
  const kept = new Map<TrustId, Trust>();
  return {
    of: (authorities, id = trustIdOf(authorities)) => {
      const trust = kept.get(id) ?? parseTrust(authorities);
      kept.delete(id);
      kept.set(id, trust);
      const [oldest] = kept.keys();
      if (kept.size > TRUSTS_KEPT && oldest !== undefined) kept.delete(oldest);
      return trust;
    },
  };
}
