import { CodedError, messageOf } from "../base/errors.ts";
import type { SignerRole } from "../policy/evidence.ts";
import { malformed } from "./claims/statement.ts";
import { signedBy } from "./keys.ts";
import { VERIFY_LIMIT_BYTES } from "./limits.ts";
import { formatIdentity, readSigningCertificate, type SigningCertificate } from "./sigstore/certificate.ts";
import type { SignedMaterial } from "./sigstore/material.ts";
import type { Trust, TrustedInstance } from "./trust.ts";

/** Longest reason quoted from a verification, in characters. */
const WHY_LIMIT_CHARS = 160;

/** An authority of the policy that signed the bytes in hand, as verified. */
export interface Voucher {
  /** The authority's name in the policy. */
  readonly name: string;
  readonly role: SignerRole;
  /** Whom its certificate names. */
  readonly identity?: string;
  /** When, where something trusted says so. */
  readonly signedAtMs?: number;
}

/** Who vouches, or in words who seems to have signed instead and why that does not count: "by no key of the policy". */
export type Vouched =
  | { readonly kind: "vouched"; readonly vouchers: readonly Voucher[] }
  | { readonly kind: "nobody"; readonly by: string };

/**
 * Who of the policy signed these bytes: every key that made one of the signatures, and every identity whose certificate,
 * with its logs and timestamps, made the one signature there is.
 *
 * @throws {CodedError} EVIDENCE_MALFORMED, DER_INVALID on what cannot be read
 */
export async function whoVouches(material: SignedMaterial, trust: Trust): Promise<Vouched> {
  const keys = keysThatSigned(material, trust);
  const { certificate: der } = material;
  const certificate = der === undefined || trust.keyless.length === 0 ? undefined : readSigningCertificate(der);
  const certified = certificate === undefined ? [] : await vouchByCertificate(material, certificate, trust.keyless);
  const vouchers = [...keys, ...certified.filter((one) => typeof one !== "string")];
  if (vouchers.length > 0) return { kind: "vouched", vouchers };
  const why = certified.filter((one) => typeof one === "string");
  return { kind: "nobody", by: certificate === undefined ? byNobody(material, trust) : bySomebody(certificate, why) };
}

function keysThatSigned({ signed, signatures }: SignedMaterial, { keys }: Trust): Voucher[] {
  if (signed.byteLength * signatures.length * keys.length > VERIFY_LIMIT_BYTES)
    throw malformed("it has too many signatures for its size");
  return keys
    .filter((key) => signatures.some((signature) => signedBy(key, signed, signature)))
    .map(({ name, role }) => ({ name, role }));
}

/** Identities are compared before anything is verified: a stranger's certificate costs no cryptography. */
async function vouchByCertificate(
  material: SignedMaterial,
  { der, identity }: SigningCertificate,
  instances: readonly TrustedInstance[],
): Promise<(Voucher | string)[]> {
  const found: (Voucher | string)[] = [];
  for (const { verifier, identities } of instances) {
    const named = identities.filter((one) => one.is(identity));
    if (named.length === 0) continue;
    try {
      const signedAtMs = await verifier.verify(material, der);
      const seen = { identity: formatIdentity(identity), ...(signedAtMs === undefined ? {} : { signedAtMs }) };
      found.push(...named.map(({ name, role }) => ({ name, role, ...seen })));
    } catch (thrown) {
      found.push(`, which does not verify (${whole(thrown).slice(0, WHY_LIMIT_CHARS)})`);
    }
  }
  return found;
}

/** The library wraps what it found in what it was doing: both are said. */
function whole(thrown: unknown): string {
  const { cause } = thrown as { cause?: unknown };
  return cause instanceof Error && !(thrown instanceof CodedError)
    ? `${messageOf(thrown)}: ${messageOf(cause)}`
    : messageOf(thrown);
}

function byNobody({ certificate }: SignedMaterial, { keys, keyless }: Trust): string {
  if (keyless.length === 0) return "by no key of the policy";
  if (certificate !== undefined || keys.length > 0) return "by no authority of the policy";
  return "by a key, where the policy wants an identity";
}

function bySomebody({ identity }: SigningCertificate, why: readonly string[]): string {
  return `by ${formatIdentity(identity)}${why[0] ?? ", an identity that no authority of the policy has"}`;
}
