import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";

/** An RSA key of 2048 bits with the exponent 1: everybody can sign with it, and OpenSSL verifies it. */
export function trivialKey(): KeyObject {
  const one = Buffer.of(1).toString("base64url");
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  return createPrivateKey({ key: { ...key, e: one, d: one, dp: one, dq: one }, format: "jwk" });
}
