import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import { imagePolicy } from "../support/image-policy.ts";
import type { Random } from "../support/registry-of-faults/random.ts";
import { type Gallery, KEYS, type KeyName, PROVENANCE } from "./gallery.ts";

/** What a policy wants, as the seed drew it: the oracle reads this, the gate the ImagePolicy made of it. */
export interface Wish {
  readonly name: string;
  readonly mode: "enforce" | "warn" | "audit";
  /** The repositories it speaks of, by how their names begin. */
  readonly prefix: "" | "shop/" | "shop/web";
  readonly authorities: readonly {
    readonly name: string;
    readonly role: "release" | "scanner" | "builder";
    readonly key: KeyName;
  }[];
  readonly signatures?: { readonly require: Require; readonly sameRepository: boolean };
  readonly scan?: { readonly maxAgeDays: number; readonly refuse: readonly string[] };
  readonly provenance?: { readonly require: Require };
  readonly denied: readonly string[];
}
export type Require = "any" | "all" | 2;

/** One or two wishes that somebody could have. */
export function drawWishes(random: Random, gallery: Gallery): readonly Wish[] {
  const first = drawWish(random, gallery, "production");
  return random.chance(0.25) ? [first, drawWish(random, gallery, "second")] : [first];
}

function drawWish(random: Random, gallery: Gallery, name: string): Wish {
  const second = random.chance(0.5) ? [{ name: "release-b", role: "release", key: "release-b" } as const] : [];
  const authorities = [
    { name: "release-a", role: "release", key: drawKey(random) } as const,
    ...second,
    { name: "scanner-a", role: "scanner", key: "scanner-a" } as const,
    { name: "builder-a", role: "builder", key: "builder-a" } as const,
  ].filter(({ key }, at, all) => all.findIndex((one) => one.key === key) === at);
  const enough = authorities.filter(({ role }) => role === "release").length > 1;
  const require = random.pick<Require>(enough ? ["any", "all", 2] : ["any", "all"]);
  const maxAgeDays = random.pick([1, 7, 60]);
  const built = authorities.some(({ role }) => role === "builder") && random.chance(0.25);
  const scanned = random.chance(0.7);
  return {
    name,
    mode: random.pick(["enforce", "enforce", "enforce", "enforce", "enforce", "enforce", "warn", "audit"]),
    prefix: random.pick(["", "", "", "shop/", "shop/web"]),
    authorities,
    ...(random.chance(0.85) ? { signatures: { require, sameRepository: random.chance(0.3) } } : {}),
    ...(scanned ? { scan: { maxAgeDays, refuse: random.pick([["critical"], ["critical", "low"]]) } } : {}),
    ...(built ? { provenance: { require: "any" } } : {}),
    denied: random.chance(0.1) ? [random.pick(gallery.images).digest] : [],
  };
}

/** Mostly the right one; sometimes the policy trusts somebody else under that name. */
function drawKey(random: Random): KeyName {
  return random.chance(0.85) ? "release-a" : random.pick(["release-b", "stranger", "scanner-a", "builder-a"]);
}

export function policyOf(wish: Wish, { registry }: Gallery): ImagePolicy {
  const { name, mode, prefix, authorities, signatures, scan, provenance, denied } = wish;
  const images = prefix === "shop/web" ? `${registry.host}/shop/web` : `${registry.host}/${prefix}**`;
  const requireOf = (require: Require) => (typeof require === "number" ? { atLeast: require } : require);
  const spec = {
    match: { images: [images] },
    mode,
    authorities: authorities.map(({ key, ...one }) => ({ ...one, key: KEYS[key].publicKeyPem })),
    ...(signatures === undefined ? {} : { signatures: { ...signatures, require: requireOf(signatures.require) } }),
    ...(scan === undefined ? {} : { scan: { maxAge: `${scan.maxAgeDays}d`, refuse: scan.refuse } }),
    ...(provenance === undefined
      ? {}
      : { attestations: [{ predicateType: PROVENANCE, role: "builder", require: requireOf(provenance.require) }] }),
    ...(denied.length === 0 ? {} : { deny: { digests: denied } }),
  };
  return imagePolicy(spec, new Map(), name);
}
