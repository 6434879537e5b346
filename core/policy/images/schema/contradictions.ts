import type { AuthoritySpec } from "./authority.ts";
import type { Threshold } from "./fields.ts";
import type { ImagePolicySpec } from "./image-policy-schema.ts";
import { claimantsOf } from "./predicate-types.ts";

/** One part of a policy that another part makes impossible or meaningless. */
export interface Contradiction {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Why a policy could never be met, or would not mean what it seems to; none for a sound one. */
export function contradictions(spec: ImagePolicySpec): readonly Contradiction[] {
  return [
    ...emptyMatch(spec),
    ...repeatedAuthorities(spec),
    ...idleAuthorities(spec),
    ...unknownNames(spec),
    ...unmeetable(spec),
  ];
}

function emptyMatch({ match, pods }: ImagePolicySpec): Contradiction[] {
  if (match.images.length > 0 || pods !== undefined) return [];
  return [{ path: ["match", "images"], message: "expected at least one image glob, or spec.pods" }];
}

/** One key or identity vouches for one thing only, and counts once. */
function repeatedAuthorities({ authorities }: ImagePolicySpec): Contradiction[] {
  const asked: readonly (readonly [field: string, of: (one: AuthoritySpec) => string, more: string])[] = [
    ["name", ({ name }) => name, "name"],
    ["key", materialOf, "key: one key or identity vouches for one thing only"],
  ];
  return asked.flatMap(([field, of, more]) =>
    authorities.flatMap((one, index): Contradiction[] => {
      const first = authorities.findIndex((other) => of(other) === of(one));
      const at = field === "key" ? wayOf(one) : field;
      return first === index
        ? []
        : [{ path: ["authorities", index, at], message: `same as authorities[${first}].${more.replace("key", at)}` }];
    }),
  );
}

function wayOf(one: AuthoritySpec): "key" | "keyless" | "notary" {
  return "key" in one ? "key" : "keyless" in one ? "keyless" : "notary";
}

function materialOf(one: AuthoritySpec): string {
  if ("key" in one) return one.key.replaceAll("\n", "");
  if ("notary" in one) return JSON.stringify([one.notary.trustRoot, one.notary.identities]);
  const { issuer, issuerPattern, subject, subjectPattern, trustRoot } = one.keyless;
  return JSON.stringify([issuer, issuerPattern, subject, subjectPattern, trustRoot]);
}

/** A Notary signature signs an image; nobody attests, scans or approves with one. */
function idleAuthorities({ authorities }: ImagePolicySpec): Contradiction[] {
  return authorities.flatMap((one, index) =>
    "notary" in one && one.role !== "release"
      ? [{ path: ["authorities", index, "role"], message: "expected release: a Notary signature only signs images" }]
      : [],
  );
}

function unknownNames({ authorities, attestations, approvals }: ImagePolicySpec): Contradiction[] {
  const known = authorities.map(({ name }) => name);
  const unknown = (by: readonly string[] = [], path: readonly (string | number)[]) =>
    by.flatMap((name, index) =>
      known.includes(name)
        ? []
        : [{ path: [...path, "by", index], message: `no authority of this policy, which names ${listed(known)}` }],
    );
  return [
    ...attestations.flatMap(({ by }, index) => unknown(by, ["attestations", index])),
    ...unknown(approvals?.by, ["approvals"]),
  ];
}

/** More asked than the policy's authorities could ever give. */
function unmeetable({ authorities, signatures, attestations, approvals, scan }: ImagePolicySpec): Contradiction[] {
  const releases = authorities.filter(({ role }) => role === "release");
  const approvers = claimantsOf({ predicateType: "", role: "approver", by: approvals?.by }, authorities);
  return [
    ...(signatures === undefined
      ? []
      : tooMany(signatures.require, releases, ["signatures"], "signers", "role release")),
    ...(approvals === undefined
      ? []
      : tooMany(approvals.require, approvers, ["approvals"], "approvers", "role approver")),
    ...attestations.flatMap((rule, index) =>
      tooMany(rule.require, claimantsOf(rule, authorities), ["attestations", index], "signers", "this rule"),
    ),
    ...(scan !== undefined && scan.refuse.length === 0
      ? [{ path: ["scan", "refuse"], message: "expected at least one severity" }]
      : []),
  ];
}

function tooMany(
  require: Threshold,
  of: readonly AuthoritySpec[],
  path: readonly (string | number)[],
  noun: string,
  which: string,
): Contradiction[] {
  const wanted = typeof require === "object" ? require.atLeast : 1;
  if (of.length >= wanted) return [];
  return [
    { path: [...path, "require"], message: `wants ${wanted} ${noun}, found ${of.length} authorities of ${which}` },
  ];
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}
