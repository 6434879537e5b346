import type { Authority, KeylessAuthority } from "../policy/images/authority.ts";
import { type TrustedKey, trustedKeys } from "./keys.ts";
import { type NotaryStore, notaryStore } from "./notary/store.ts";
import { type TrustedIdentity, trustedIdentity } from "./sigstore/identity.ts";
import { type SigstoreVerifier, sigstoreVerifier } from "./sigstore/witnessed.ts";

/** Authorities read once and ready to verify with. */
export interface Trust {
  readonly keys: readonly TrustedKey[];
  readonly keyless: readonly TrustedInstance[];
  readonly notary: readonly NotaryStore[];
}

/** One Sigstore instance and the identities believed by its word: a signature is verified once for all of them. */
export interface TrustedInstance {
  readonly verifier: SigstoreVerifier;
  readonly identities: readonly TrustedIdentity[];
}

/**
 * Every authority of a policy, read. Costs milliseconds with a Sigstore root: keep the result, by the trust's id.
 *
 * @throws {CodedError} IMAGE_KEY_INVALID, TRUST_ROOT_INVALID, naming the authority
 */
export function parseTrust(authorities: readonly Authority[]): Trust {
  return {
    keys: trustedKeys(authorities.filter((one) => "key" in one)),
    keyless: trustedInstances(authorities.filter((one) => "keyless" in one)),
    notary: authorities.filter((one) => "notary" in one).map(notaryStore),
  };
}

function trustedInstances(authorities: readonly KeylessAuthority[]): TrustedInstance[] {
  const byRoot = Map.groupBy(authorities, ({ keyless }) => JSON.stringify(keyless.root));
  return [...byRoot.values()].map((group) => {
    const [first] = group as [KeylessAuthority];
    return { verifier: sigstoreVerifier(first.keyless.root, first.name), identities: group.map(trustedIdentity) };
  });
}
