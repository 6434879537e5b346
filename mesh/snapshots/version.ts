import { createHash } from "node:crypto";
import type { Snapshot } from "../../core/policy/snapshot.ts";

/** Texts of immutable objects already written: snapshots of one compile share most of their parts. */
export type WrittenTexts = WeakMap<object, string>;

/** SHA-256 (hex) of the canonical JSON of a snapshot without its version. */
export function versionOf(content: Omit<Snapshot, "version">, written: WrittenTexts = new WeakMap()): string {
  return createHash("sha256").update(canonicalJson(content, written)).digest("hex");
}

/**
 * JSON with the keys of every object in code-unit order and no spaces: equal values have equal text.
 * Covers what snapshots hold: no fractions, no `undefined` inside lists. @see RFC 8785
 *
 * @param written  remembers the text of each object, so that one shared by 500 snapshots is written once
 */
export function canonicalJson(value: unknown, written: WrittenTexts = new WeakMap()): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const known = written.get(value);
  if (known !== undefined) return known;
  const text = Array.isArray(value)
    ? `[${value.map((item) => canonicalJson(item, written)).join(",")}]`
    : `{${members(value, written).join(",")}}`;
  written.set(value, text);
  return text;
}

function members(value: object, written: WrittenTexts): string[] {
  const present = Object.entries(value).filter(([, member]) => member !== undefined);
  const sorted = present.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member, written)}`);
}
