import type { Digest } from "../../policy/evidence.ts";
import type { Authority } from "../../policy/images/schema/authority.ts";
import type { Worth } from "../verify.ts";

/**
 * Takes what a verifying thread said as verified again: brands are types, and no type crosses a message.
 *
 * That is sound because nobody else can have said it. The thread runs core/images/verify.ts and nothing that a
 * registry sent; its port is between the two of us; a reply counts only for the request that this very thread is at.
 * Held against that request once more here: it must be about the digest that was asked about, by an authority that
 * was asked for, in the role it has there. Otherwise nothing of the reply is believed.
 *
 * @returns `undefined` for a reply that cannot be an answer to that request
 */
export function believed(
  worth: unknown,
  digest: Digest,
  authorities: readonly Authority[],
): readonly Worth[] | undefined {
  if (!Array.isArray(worth)) return undefined;
  const answers = worth as readonly Worth[];
  return answers.every((one) => answersTo(one, digest, authorities)) ? answers : undefined;
}

function answersTo(one: Worth, digest: Digest, authorities: readonly Authority[]): boolean {
  switch (one.kind) {
    case "refused":
      return true;
    case "scan":
      return one.value.digest === digest;
    case "signature":
    case "attestation": {
      const { value } = one;
      const known = authorities.some(({ name, role }) => name === value.signer && role === value.role);
      return known && value.digest === digest;
    }
    default:
      return false;
  }
}
