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
