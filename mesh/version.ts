import { createHash } from "node:crypto";
import type { Snapshot } from "../core/policy/snapshot.ts";

/** SHA-256 (hex) of the canonical JSON of a snapshot without its version. */
export function versionOf(content: Omit<Snapshot, "version">): string {
  return createHash("sha256").update(canonicalJson(content)).digest("hex");
}

/**
 * JSON with the keys of every object in code-unit order and no spaces: equal values have equal text.
 * Covers what snapshots hold: no fractions, no `undefined` inside lists. @see RFC 8785
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (isPlainObject(part) ? sorted(part) : part));
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
