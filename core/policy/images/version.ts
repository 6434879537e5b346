import { z } from "zod";

/** Longest version text, in characters: a tag's own limit. */
export const VERSION_LIMIT_CHARS = 128;

/** A semantic version with up to two parts missing, as tags have them: "v1", "1.4", "1.4.2-rc.1". */
const VERSION =
  /^v?(0|[1-9]\d{0,8})(?:\.(0|[1-9]\d{0,8}))?(?:\.(0|[1-9]\d{0,8}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

export interface Version {
  readonly numbers: readonly [major: number, minor: number, patch: number];
  /** Dot-separated parts after the hyphen; none for a release. */
  readonly prerelease: readonly string[];
}

/** @returns `undefined` for a text that is no version, such as "latest" */
export function parseVersion(text: string): Version | undefined {
  const match = text.length <= VERSION_LIMIT_CHARS ? VERSION.exec(text) : null;
  if (match === null) return undefined;
  const [, major, minor = "0", patch = "0", prerelease] = match;
  return {
    numbers: [Number(major), Number(minor), Number(patch)],
    prerelease: prerelease === undefined ? [] : prerelease.split("."),
  };
}

/**
 * Negative when `a` comes before `b`, 0 when neither does.
 *
 * @see https://semver.org/spec/v2.0.0.html section 11
 */
export function compareVersions(a: Version, b: Version): number {
  const different = a.numbers.findIndex((number, index) => number !== b.numbers[index]);
  if (different !== -1) return (a.numbers[different] ?? 0) - (b.numbers[different] ?? 0);
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return b.prerelease.length - a.prerelease.length;
  for (const [index, part] of a.prerelease.entries()) {
    const other = b.prerelease[index];
    if (other === undefined) return 1;
    const order = compareParts(part, other);
    if (order !== 0) return order;
  }
  return a.prerelease.length - b.prerelease.length;
}

/** Numbers by size and before words, words by their ASCII order. */
function compareParts(a: string, b: string): number {
  const numeric = [a, b].map((part) => /^\d+$/.test(part));
  if (numeric[0] === true && numeric[1] === true) return Number(a) - Number(b);
  if (numeric[0] !== numeric[1]) return numeric[0] === true ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A whole version with all three numbers, as a policy writes it. */
export const versionField = z
  .string()
  .refine(
    (text) => parseVersion(text) !== undefined && /^v?\d+\.\d+\.\d+/.test(text),
    "expected a version such as 1.4.0",
  );
