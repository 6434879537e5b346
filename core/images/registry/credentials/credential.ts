import { createHash } from "node:crypto";

/**
 * What a registry may be shown, as configured.
 *
 *   basic     a user name and a password, or a robot's token in its place
 *   identity  an OAuth2 refresh token, exchanged for an access token at the realm
 *   bearer    a token that is sent as it is
 *   helper    a program that knows; run only where the operator allowed it
 */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string }
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "helper"; readonly program: string; readonly server: string };

/** Names a credential in keys of caches without being it. */
export function credentialId(credential: Credential | undefined): string {
  if (credential === undefined) return "anonymous";
  return createHash("sha256")
    .update(JSON.stringify(Object.entries(credential)))
    .digest("base64url");
}
