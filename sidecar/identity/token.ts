import { z } from "zod";
import { CodedError } from "../../core/base/errors.ts";

const claims = z.looseObject({
  "kubernetes.io": z.looseObject({ serviceaccount: z.looseObject({ name: z.string() }) }),
});

/**
 * The service account a projected token is for: what our certificate will name. Read, not verified: the authority
 * verifies it, and an answer with another name is refused.
 *
 * @throws {CodedError} CONFIG_INVALID when it is no such token
 */
export function serviceAccountOf(token: string): string {
  try {
    const payload = Buffer.from(token.trim().split(".")[1] ?? "", "base64url").toString("utf8");
    return claims.parse(JSON.parse(payload))["kubernetes.io"].serviceaccount.name;
  } catch (cause) {
    const fix = "mount a projected ServiceAccount token with audience outrider-ca";
    throw new CodedError("CONFIG_INVALID", "identity.tokenFile: not a bound ServiceAccount token", fix, { cause });
  }
}
