import { readFileSync, statSync } from "node:fs";
import { createLocalJWKSet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { z } from "zod";
import type { Clock } from "../../core/base/clock.ts";
import { messageOf } from "../../core/base/errors.ts";
import { refused } from "../errors.ts";

/** Whom a token was issued to. Everything a certificate will say comes from here. */
export interface ReviewedPod {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  readonly podUid: string;
}

/** Says who holds a token. One implementation reads a key set; the API server's TokenReview is another. */
export interface TokenReviewer {
  /** @throws {CodedError} CA_TOKEN_INVALID; CA_JWKS_INVALID when the reviewer itself is not able to judge */
  review(token: string): Promise<ReviewedPod>;
}

export interface JwksReviewerOptions {
  /** A JSON Web Key Set; read again when the file changes. */
  readonly jwksFile: string;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
}

/** Longest life a token may have, in seconds: projected tokens last an hour, legacy ones for ever. */
export const LONGEST_TOKEN_LIFE_S = 24 * 3600;
/** Longest token read, in characters. */
export const TOKEN_LIMIT = 16 * 1024;
/** How far the issuer's clock may be off, in seconds. */
const CLOCK_TOLERANCE_S = 10;
const ALGORITHMS = ["ES256", "RS256"];

const name = z.string().min(1).max(253);
const claims = z.object({
  iat: z.number(),
  exp: z.number(),
  "kubernetes.io": z.object({
    namespace: name,
    pod: z.object({ name, uid: name }),
    serviceaccount: z.object({ name }),
  }),
});

/** Checks bound ServiceAccount tokens against a key set: signature, issuer, audience, time, life and pod binding. */
export function createJwksReviewer(options: JwksReviewerOptions): TokenReviewer {
  const keys = keySet(options.jwksFile);
  keys();
  return {
    review: async (token) => podOf(await verified(token, keys(), options)),
  };
}

async function verified(token: string, keys: JWTVerifyGetKey, options: JwksReviewerOptions): Promise<JWTPayload> {
  if (token.length > TOKEN_LIMIT) throw refused("CA_TOKEN_INVALID", `token: longer than ${TOKEN_LIMIT} characters`);
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: options.issuer,
      audience: options.audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: new Date(options.clock()),
      requiredClaims: ["exp", "iat"],
    });
    return payload;
  } catch (cause) {
    throw refused("CA_TOKEN_INVALID", `token: ${messageOf(cause).toLowerCase()}`, cause);
  }
}

function podOf(payload: JWTPayload): ReviewedPod {
  const parsed = claims.safeParse(payload);
  if (!parsed.success) throw refused("CA_TOKEN_INVALID", "token: not bound to a pod");
  const { iat, exp, "kubernetes.io": bound } = parsed.data;
  if (exp - iat > LONGEST_TOKEN_LIFE_S) {
    throw refused("CA_TOKEN_INVALID", `token: lives ${exp - iat} s, at most ${LONGEST_TOKEN_LIFE_S} s are accepted`);
  }
  const { namespace, pod, serviceaccount } = bound;
  return { namespace, serviceAccount: serviceaccount.name, pod: pod.name, podUid: pod.uid };
}

/** The key set of a file, parsed again when its time or size changes: the cluster rotates its keys. */
function keySet(file: string): () => JWTVerifyGetKey {
  let stamp = "";
  let keys: JWTVerifyGetKey | undefined;
  return () => {
    try {
      const { mtimeMs, size } = statSync(file);
      if (keys !== undefined && stamp === `${mtimeMs} ${size}`) return keys;
      keys = createLocalJWKSet(JSON.parse(readFileSync(file, "utf8")));
      stamp = `${mtimeMs} ${size}`;
      return keys;
    } catch (cause) {
      throw refused("CA_JWKS_INVALID", `${file}: ${messageOf(cause)}`, cause);
    }
  };
}
