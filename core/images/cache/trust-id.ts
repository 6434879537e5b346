import { createHash } from "node:crypto";
import type { Authority } from "../../policy/images/schema/authority.ts";

/** SHA-256 (hex) over everything that verification by these authorities depends on. */
export type TrustId = string;

const known = new WeakMap<readonly Authority[], TrustId>();

/**
 * What evidence was verified by, as one short text: another key, identity or trust root is another id, and so is
 * another order of authorities. Runs per image and review; the hash is taken once per list, which must not change.
 */
export function trustIdOf(authorities: readonly Authority[]): TrustId {
  const before = known.get(authorities);
  if (before !== undefined) return before;
  const id = createHash("sha256").update(canonicalJson(authorities)).digest("hex");
  known.set(authorities, id);
  return id;
}

/** JSON with every object's keys in code-unit order, so that equal values are equal texts. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const sorted = members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(",")}}`;
}
