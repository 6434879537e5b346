import { DAY_MS, MINUTE_MS } from "../../core/base/clock.ts";
import type { Digest, Severity } from "../../core/policy/evidence.ts";
import type { Truth } from "./gallery.ts";
import type { Require, Wish } from "./wishes.ts";

/** A scan of our own store. */
export interface OwnScan {
  readonly finishedAtMs: number;
  readonly worst?: Severity;
}

/** What was so while a review was under way. */
export interface Circumstances {
  readonly wishes: readonly Wish[];
  /** What the gate's clock said first and last. */
  readonly clockMs: readonly [first: number, last: number];
  readonly ownScans: ReadonlyMap<Digest, OwnScan>;
}

/**
 * Knows without looking: from what was done to each image, never from a registry, a cache or any of the gate's code.
 *
 *   may   an image that could rightly be allowed under some of what was so; any other allow is wrong
 *   must  an image that has to be allowed when nothing is in the way; any other answer is wrong then
 */
export function mayRun(image: Truth, circumstances: Circumstances): boolean {
  const covering = coveringOf(image, circumstances.wishes);
  return covering.length > 0 && covering.every((wish) => meets(image, wish, circumstances, "any"));
}

export function mustRun(image: Truth, circumstances: Circumstances): boolean {
  const covering = coveringOf(image, circumstances.wishes);
  return covering.length > 0 && covering.every((wish) => meets(image, wish, circumstances, "newest"));
}

function coveringOf({ repository }: Truth, wishes: readonly Wish[]): readonly Wish[] {
  return wishes.filter(({ prefix }) => (prefix === "shop/web" ? repository === prefix : repository.startsWith(prefix)));
}

function meets(image: Truth, wish: Wish, circumstances: Circumstances, scans: "any" | "newest"): boolean {
  if (wish.mode !== "enforce") return true;
  return (
    !wish.denied.includes(image.digest) &&
    isSigned(image, wish) &&
    isBuilt(image, wish) &&
    isScanned(image, wish, circumstances, scans)
  );
}

function isSigned({ signatures, repository }: Truth, { signatures: wanted, authorities }: Wish): boolean {
  if (wanted === undefined) return true;
  const releases = authorities.filter(({ role }) => role === "release");
  const counting = signatures.filter((one) => !wanted.sameRepository || one.repository === repository);
  return enough(
    wanted.require,
    releases.filter(({ key }) => counting.some((one) => one.key === key)).length,
    releases.length,
  );
}

function isBuilt({ provenance }: Truth, { provenance: wanted, authorities }: Wish): boolean {
  if (wanted === undefined) return true;
  const builders = authorities.filter(({ role }) => role === "builder");
  return enough(wanted.require, builders.filter(({ key }) => provenance.includes(key)).length, builders.length);
}

function isScanned(
  image: Truth,
  { scan: wanted, authorities }: Wish,
  circumstances: Circumstances,
  which: "any" | "newest",
): boolean {
  if (wanted === undefined) return true;
  const own = circumstances.ownScans.get(image.digest);
  const believed = image.scans.filter(({ key }) =>
    authorities.some((one) => one.role === "scanner" && one.key === key),
  );
  const known: readonly OwnScan[] = [...believed, ...(own === undefined ? [] : [own])].toSorted(
    (a, b) => b.finishedAtMs - a.finishedAtMs,
  );
  const isGood = ({ finishedAtMs, worst }: OwnScan) =>
    !wanted.refuse.includes(worst ?? "") &&
    circumstances.clockMs.some(
      (nowMs) => nowMs - finishedAtMs <= wanted.maxAgeDays * DAY_MS && nowMs - finishedAtMs >= -5 * MINUTE_MS,
    );
  return (which === "any" ? known : known.slice(0, 1)).some(isGood);
}

function enough(require: Require, have: number, all: number): boolean {
  if (require === "all") return have === all && all > 0;
  return have >= (require === "any" ? 1 : require);
}
