import type { Authority, NotaryAuthority } from "../policy/images/authority.ts";
import { type TrustedKey, trustedKeys } from "./keys.ts";

/** Authorities read once and ready to verify with. */
export interface Trust {
  readonly keys: readonly TrustedKey[];
  readonly notary: readonly NotaryAuthority[];
}

/**
 * Every authority of a policy, read. Costs milliseconds with a Sigstore root: keep the result, by the trust's id.
 *
 * @throws {CodedError} IMAGE_KEY_INVALID, TRUST_ROOT_INVALID, naming the authority
 */
export function parseTrust(authorities: readonly Authority[]): Trust {
  return {
    keys: trustedKeys(authorities.filter((one) => "key" in one)),
    notary: authorities.filter((one) => "notary" in one),
  };
}
