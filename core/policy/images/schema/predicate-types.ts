import type { SignerRole } from "../../evidence.ts";

/**
 * Predicate types that policies may call by a short name: what `cosign attest --type` writes for it, and what the
 * in-toto and SLSA projects register.
 *
 * @see https://github.com/sigstore/cosign/blob/main/specs/COSIGN_PREDICATE_SPEC.md
 * @see https://slsa.dev/spec/v1.1/provenance and https://slsa.dev/spec/v0.2/provenance
 * @see https://github.com/in-toto/attestation/tree/main/spec/predicates
 */
export const PREDICATE_TYPES = {
  "slsa-provenance": ["https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"],
  spdx: ["https://spdx.dev/Document", "https://spdx.dev/Document/v2.3", "https://spdx.dev/Document/v3"],
  cyclonedx: ["https://cyclonedx.org/bom"],
  vuln: ["https://cosign.sigstore.dev/attestation/vuln/v1"],
} as const;

export type PredicateName = keyof typeof PREDICATE_TYPES;

/** The types that a policy's word for one means: a short name's, or the URI itself. */
export function predicateTypesOf(word: string): readonly string[] {
  return Object.hasOwn(PREDICATE_TYPES, word) ? PREDICATE_TYPES[word as PredicateName] : [word];
}

/** Whose work a short name is, where a rule names neither role nor authorities. */
const ROLES: Readonly<Record<PredicateName, readonly SignerRole[]>> = {
  "slsa-provenance": ["builder"],
  spdx: ["builder", "scanner"],
  cyclonedx: ["builder", "scanner"],
  vuln: ["scanner"],
};

/** Which authorities count for one rule. */
export interface Claimants {
  readonly predicateType: string;
  readonly role?: SignerRole | undefined;
  readonly by?: readonly string[] | undefined;
}

/** The authorities whose statements count for a rule: those it names, of the role it names or its predicate type has. */
export function claimantsOf<A extends { readonly name: string; readonly role: SignerRole }>(
  { predicateType, role, by }: Claimants,
  authorities: readonly A[],
): readonly A[] {
  const roles =
    role !== undefined ? [role] : by === undefined ? (ROLES[predicateType as PredicateName] ?? []) : undefined;
  return authorities.filter(
    (one) => (roles === undefined || roles.includes(one.role)) && (by === undefined || by.includes(one.name)),
  );
}
