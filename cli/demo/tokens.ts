import { writeFileSync } from "node:fs";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { TOKEN_AUDIENCE, TOKEN_ISSUER } from "./layout.ts";

/** Who a token speaks for: the claims that a projected service-account token carries. */
export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  readonly podUid: string;
}

/** Seconds a pod's token is good for; the kubelet's shortest is ten minutes too. */
const TOKEN_LIFETIME_S = 600;

/**
 * The demo's stand-in for the API server's token issuer: short-lived, bound to one audience and one pod.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
 */
export async function createTokenIssuer(jwksFile: string) {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const keyId = "demo";
  writeFileSync(
    jwksFile,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: keyId, alg: "ES256", use: "sig" }] }),
  );
  return {
    issue: (subject: TokenSubject, audience = TOKEN_AUDIENCE): Promise<string> =>
      new SignJWT({ "kubernetes.io": claims(subject) })
        .setProtectedHeader({ alg: "ES256", kid: keyId })
        .setIssuer(TOKEN_ISSUER)
        .setSubject(`system:serviceaccount:${subject.namespace}:${subject.serviceAccount}`)
        .setAudience(audience)
        .setIssuedAt()
        .setNotBefore("-5s")
        .setExpirationTime(`${TOKEN_LIFETIME_S}s`)
        .sign(privateKey),
  };
}

export type TokenIssuer = Awaited<ReturnType<typeof createTokenIssuer>>;

function claims(subject: TokenSubject): object {
  return {
    namespace: subject.namespace,
    pod: { name: subject.pod, uid: subject.podUid },
    serviceaccount: { name: subject.serviceAccount, uid: `sa-${subject.serviceAccount}` },
  };
}
