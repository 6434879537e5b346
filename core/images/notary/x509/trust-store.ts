import { createHash } from "node:crypto";
import { messageOf } from "../../../base/errors.ts";
import { readPem } from "../../../wire/x509/pem.ts";
import { STORE_LIMIT } from "../limits.ts";
import { refuse } from "../refusal.ts";
import { type Certificate, readCertificate } from "./certificate.ts";
import { isIssuedBy, named } from "./chain.ts";

/**
 * The certificates of one trust store: authorities, or certificates that are self-signed.
 *
 * @throws {Refused} naming the first that is neither
 * @see notaryproject/specifications specs/trust-store-trust-policy.md, "Trust Store"
 */
export function readStore(pem: string | undefined): readonly Certificate[] {
  if (pem === undefined) return [];
  const certificates = certificatesOf(pem);
  if (certificates.length === 0) refuse("no certificate", "at least one PEM CERTIFICATE block");
  if (certificates.length > STORE_LIMIT) refuse(`${certificates.length} certificates`, `${STORE_LIMIT} at most`);
  for (const one of certificates) {
    if (one.basicConstraints?.isCa !== true && !isIssuedBy(one, one))
      refuse(named(one), "an authority's certificate, or a self-signed one");
  }
  return certificates;
}

/** Timestamp authorities are trusted by their roots alone. @throws {Refused} */
export function readTimestampStore(pem: string | undefined): readonly Certificate[] {
  const certificates = readStore(pem);
  for (const one of certificates) {
    if (!isIssuedBy(one, one)) refuse(named(one), "a self-signed root");
  }
  return certificates;
}

function certificatesOf(pem: string): readonly Certificate[] {
  try {
    return readPem(pem, "CERTIFICATE").map(readCertificate);
  } catch (cause) {
    return refuse(messageOf(cause), "PEM certificates", cause);
  }
}

/**
 * Refuses a chain with a certificate that was taken back.
 *
 * @param revoked  SHA-256 fingerprints, lower-case hex
 * @throws {Refused}
 */
export function judgeRevoked(chain: readonly Certificate[], revoked: ReadonlySet<string>): void {
  const one = revoked.size === 0 ? undefined : chain.find(({ der }) => revoked.has(fingerprint(der)));
  if (one !== undefined) refuse(`${named(one)} that the trust store has taken back`, "one that it has not");
}

function fingerprint(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("hex");
}

/** True when one of the chain is, byte for byte, in the store. */
export function isTrusted(chain: readonly Certificate[], store: readonly Certificate[]): boolean {
  return chain.some((one) => store.some((trusted) => Buffer.compare(one.der, trusted.der) === 0));
}
