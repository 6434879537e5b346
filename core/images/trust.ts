import type { Authority } from "../policy/images/schema/authority.ts";
import type { SigstoreRoot } from "../policy/images/schema/trust-root.ts";
import { type TrustedKey, trustedKey } from "./keys.ts";
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
  const verifiers = new Map<string, SigstoreVerifier>();
  const verifierOf = (root: SigstoreRoot, name: string) => {
    const id = JSON.stringify(root);
    const verifier = verifiers.get(id) ?? sigstoreVerifier(root, name);
    verifiers.set(id, verifier);
    return verifier;
  };
  const keyless = authorities.filter((one) => "keyless" in one);
  const byVerifier = Map.groupBy(keyless, (one) => verifierOf(one.keyless.root, one.name));
  return {
    keys: authorities
      .filter((one) => "key" in one)
      .map((one) =>
        one.root === undefined ? trustedKey(one) : { ...trustedKey(one), witness: verifierOf(one.root, one.name) },
      ),
    keyless: [...byVerifier].map(([verifier, group]) => ({ verifier, identities: group.map(trustedIdentity) })),
    notary: authorities.filter((one) => "notary" in one).map(notaryStore),
  };
}
