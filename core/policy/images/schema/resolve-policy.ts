import { closest } from "../../../base/suggest.ts";
import type { Authority, AuthoritySpec } from "./authority.ts";
import type { ImagePolicy, ImagePolicyDocument } from "./image-policy-schema.ts";
import type { NotaryRoot, SigstoreRoot, TrustRoot } from "./trust-root.ts";

/** Trust roots by the names that policies use. */
export type TrustRoots = ReadonlyMap<string, TrustRoot["spec"]>;

/** A name that leads nowhere, with its place in the policy. */
export interface Unresolved {
  /** "spec.authorities[0].keyless.trustRoot" */
  readonly path: string;
  readonly message: string;
}

export type Resolution =
  | { readonly kind: "resolved"; readonly policy: ImagePolicy }
  | { readonly kind: "unresolved"; readonly problems: readonly Unresolved[] };

/** Puts the trust roots that a policy names in their places, or says of every name that cannot be why. */
export function resolvePolicy(document: ImagePolicyDocument, roots: TrustRoots): Resolution {
  const found = document.spec.authorities.map((one, index) =>
    resolveAuthority(one, `spec.authorities[${index}]`, roots),
  );
  const problems = found.flatMap((one) => ("message" in one ? [one] : []));
  if (problems.length > 0) return { kind: "unresolved", problems };
  const authorities = found.flatMap((one) => ("message" in one ? [] : [one]));
  return { kind: "resolved", policy: { ...document, spec: { ...document.spec, authorities } } };
}

function resolveAuthority(one: AuthoritySpec, path: string, roots: TrustRoots): Authority | Unresolved {
  if ("key" in one) return resolveKey(one, path, roots);
  if ("keyless" in one) {
    const root = sigstoreRoot(one.keyless.trustRoot, `${path}.keyless.trustRoot`, roots);
    return "message" in root ? root : { ...one, keyless: { ...one.keyless, root } };
  }
  const root = notaryRoot(one.notary.trustRoot, `${path}.notary.trustRoot`, roots);
  return "message" in root ? root : { ...one, notary: { ...one.notary, root } };
}

function resolveKey(
  one: Extract<AuthoritySpec, { key: string }>,
  path: string,
  roots: TrustRoots,
): Authority | Unresolved {
  const { trustRoot, ...key } = one;
  if (trustRoot === undefined) return key;
  const root = sigstoreRoot(trustRoot, `${path}.trustRoot`, roots);
  return "message" in root ? root : { ...key, root };
}

function sigstoreRoot(name: string, path: string, roots: TrustRoots): SigstoreRoot | Unresolved {
  return roots.get(name)?.sigstore ?? unresolved(name, path, roots, "sigstore");
}

function notaryRoot(name: string, path: string, roots: TrustRoots): NotaryRoot | Unresolved {
  const store = roots.get(name)?.notary;
  if (store === undefined) return unresolved(name, path, roots, "notary");
  const { certificates, signingAuthorities, timestampAuthorities, verifyTimestamp, revoked } = store;
  return {
    ...(certificates === undefined ? {} : { certificates }),
    ...(signingAuthorities === undefined ? {} : { signingAuthorities }),
    ...(timestampAuthorities === undefined ? {} : { timestampAuthorities }),
    verifyTimestamp,
    ...(revoked.length === 0 ? {} : { revoked }),
  };
}

function unresolved(name: string, path: string, roots: TrustRoots, wanted: "sigstore" | "notary"): Unresolved {
  const expected = `expected the name of a TrustRoot with spec.${wanted}`;
  if (roots.has(name)) return { path, message: `${expected}, and "${name}" has none` };
  const near = closest(name, [...roots.keys()]);
  return { path, message: `${expected}, found "${name}"${near === undefined ? "" : ` (did you mean "${near}"?)`}` };
}
