/**
 * A received text as it may be kept: cut, valid Unicode, and holding no more memory than it shows (a slice of a
 * string keeps the whole string alive).
 *
 * @param limit  in UTF-16 units
 */
export function keptText(value: unknown, limit: number): string {
  const text = String(value);
  return text.length <= limit ? text.toWellFormed() : Buffer.from(text.slice(0, limit)).toString();
}

/** About what a view costs, in UTF-16 units: its texts, and a little for each of its fields. */
export function sizeOf(view: object): number {
  let size = FIELD_SIZE;
  for (const value of Object.values(view)) {
    if (typeof value === "string") size += value.length;
    size += typeof value === "object" && value !== null ? sizeOf(value) : FIELD_SIZE;
  }
  return size;
}

/** A field's name and quotes. */
const FIELD_SIZE = 16;

/** The newest of a list that is oldest first, newest first: at most `count`, without those that do not fit `size`. */
export function newestWithin<T extends object>(all: readonly T[], count: number, size: number): T[] {
  const out: T[] = [];
  let left = size;
  for (const one of all.slice(-count).toReversed()) {
    const own = sizeOf(one);
    if (own > left) continue;
    left -= own;
    out.push(one);
  }
  return out;
}
