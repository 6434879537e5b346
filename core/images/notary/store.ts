import { CodedError, messageOf } from "../../base/errors.ts";
import type { SignerRole } from "../../policy/evidence.ts";
import type { NotaryAuthority } from "../../policy/images/schema/authority.ts";
import { type Identities, readIdentities } from "./identities.ts";
import type { Certificate } from "./x509/certificate.ts";
import { readStore, readTimestampStore } from "./x509/trust-store.ts";

/** A Notary authority of a policy, read once: whom it trusts, and as whom. */
export interface NotaryStore {
  /** The authority's name in the policy. */
  readonly name: string;
  readonly role: SignerRole;
  readonly identities: Identities;
  /** Trusted under the scheme notary.x509. */
  readonly authorities: readonly Certificate[];
  /** Trusted under notary.x509.signingAuthority; an end user's authority is not one of these. */
  readonly signingAuthorities: readonly Certificate[];
  readonly timestampAuthorities: readonly Certificate[];
  /** SHA-256 fingerprints of certificates that count no longer, whoever issued them. */
  readonly revoked: ReadonlySet<string>;
  /** Whether a signature needs its timestamp always, or only once its certificate has expired. */
  readonly verifyTimestamp: "always" | "afterCertExpiry";
}

/** @throws {CodedError} TRUST_ROOT_INVALID naming the authority and the part of its store that cannot be used */
export function notaryStore({ name, role, notary }: NotaryAuthority): NotaryStore {
  const { root, identities } = notary;
  return {
    name,
    role,
    identities: part(name, "identities", () => readIdentities(identities)),
    authorities: part(name, "certificates", () => readStore(root.certificates)),
    signingAuthorities: part(name, "signingAuthorities", () => readStore(root.signingAuthorities)),
    timestampAuthorities: part(name, "timestampAuthorities", () => readTimestampStore(root.timestampAuthorities)),
    revoked: new Set(root.revoked),
    verifyTimestamp: root.verifyTimestamp ?? "always",
  };
}

function part<T>(authority: string, field: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const fix = "give the PEM certificates of authorities: roots, or self-signed signing certificates";
    throw new CodedError("TRUST_ROOT_INVALID", `authority ${authority}: ${field}: ${messageOf(cause)}`, fix, { cause });
  }
}
