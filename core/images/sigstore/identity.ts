import type { SignerRole } from "../../policy/evidence.ts";
import type { KeylessAuthority } from "../../policy/images/schema/authority.ts";
import { readIdentityPattern } from "../../policy/images/schema/identity-pattern.ts";
import type { CertificateIdentity } from "./certificate.ts";

/** An authority that is recognised by what a certificate says of its holder. */
export interface TrustedIdentity {
  readonly name: string;
  readonly role: SignerRole;
  is(identity: CertificateIdentity): boolean;
}

/**
 * Both names must match whole: exactly, or by a pattern anchored at both ends. A part of a longer name is another name.
 * @throws {SyntaxError} when a pattern is none, which the policy's schema has ruled out
 */
export function trustedIdentity({ name, role, keyless }: KeylessAuthority): TrustedIdentity {
  const issuer = matcher(keyless.issuer, keyless.issuerPattern);
  const subject = matcher(keyless.subject, keyless.subjectPattern);
  return { name, role, is: (identity) => issuer(identity.issuer) && subject(identity.subject) };
}

/** Names neither way is nobody: a policy that says nothing of the issuer must not mean any issuer. */
function matcher(exact: string | undefined, pattern: string | undefined): (text: string) => boolean {
  if (exact !== undefined) return (text) => text === exact;
  if (pattern === undefined) return () => false;
  const anchored = readIdentityPattern(pattern);
  return (text) => anchored.test(text);
}
