import { CodedError, messageOf } from "../base/errors.ts";
import type { SignerRole } from "../policy/evidence.ts";
import { malformed } from "./claims/statement.ts";
import { signedBy, type TrustedKey } from "./keys.ts";
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
  /** Not before this, where something that no pusher can renew says so: the certificate. A log or a timestamp cannot. */
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
  const { certificate: der } = material;
  const byKey = await vouchByKey(material, trust.keys);
  const certificate = der === undefined || trust.keyless.length === 0 ? undefined : readSigningCertificate(der);
  const certified = certificate === undefined ? [] : await vouchByCertificate(material, certificate, trust.keyless);
  const outcomes = [...byKey, ...certified];
  const vouchers = outcomes.flatMap((one) => ("by" in one ? [] : [one]));
  if (vouchers.length > 0) return { kind: "vouched", vouchers };
  const [failed] = outcomes.flatMap((one) => ("by" in one ? [one.by] : []));
  return {
    kind: "nobody",
    by: failed ?? (certificate === undefined ? byNobody(material, trust) : byStranger(certificate)),
  };
}

/** Whose signature it is, and when that has no worth, how it was found and why. */
type Outcome = Voucher | { readonly by: string };

/** A key of the policy signs for itself, unless the policy wants its signatures in a log too. */
async function vouchByKey(material: SignedMaterial, keys: readonly TrustedKey[]): Promise<Outcome[]> {
  const { signed, signatures } = material;
  if (signed.byteLength * signatures.length * keys.length > VERIFY_LIMIT_BYTES)
    throw malformed("it has too many signatures for its size");
  const signers = keys.filter((key) => signatures.some((signature) => signedBy(key, signed, signature)));
  return Promise.all(
    signers.map(({ name, role, key, witness }) =>
      witness === undefined
        ? { name, role }
        : outcome(name, async () => {
            await witness.verify(material, key);
            return [{ name, role }];
          }),
    ),
  ).then((found) => found.flat());
}

/** Identities are compared before anything is verified: a stranger's certificate costs no cryptography. */
async function vouchByCertificate(
  material: SignedMaterial,
  { der, identity, notBeforeMs }: SigningCertificate,
  instances: readonly TrustedInstance[],
): Promise<Outcome[]> {
  const who = formatIdentity(identity);
  const named = instances.map(({ verifier, identities }) => ({
    verifier,
    authorities: identities.filter((one) => one.is(identity)),
  }));
  const found = named
    .filter(({ authorities }) => authorities.length > 0)
    .map(({ verifier, authorities }) =>
      outcome(who, async () => {
        await verifier.verify(material, der);
        return authorities.map(({ name, role }) => ({ name, role, identity: who, signedAtMs: notBeforeMs }));
      }),
    );
  return (await Promise.all(found)).flat();
}

async function outcome(who: string, vouch: () => Promise<Voucher[]>): Promise<Outcome[]> {
  try {
    return await vouch();
  } catch (thrown) {
    return [{ by: `by ${who}, which does not verify (${whole(thrown).slice(0, WHY_LIMIT_CHARS)})` }];
  }
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

function byStranger({ identity }: SigningCertificate): string {
  return `by ${formatIdentity(identity)}, an identity that no authority of the policy has`;
}
