import type { Json } from "../../../core/policy/images/schema/trust-root.ts";

export type Path = readonly (string | number)[];

/** Paths of everything in a JSON value that is not an object or a list. */
export function leaves(value: Json, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  if (Array.isArray(value)) return value.flatMap((item: Json, index) => leaves(item, [...path, index]));
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
}

/** A copy with another value at one place; `undefined` takes the field out. */
export function withLeaf(value: Json, [step, ...rest]: Path, leaf: Json | undefined): Json {
  if (step === undefined) return leaf ?? null;
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    if (rest.length === 0 && leaf === undefined) return items.filter((_, index) => index !== step);
    return items.map((item, index) => (index === step ? withLeaf(item, rest, leaf) : item));
  }
  const { [step]: child = null, ...others } = value as Readonly<Record<string, Json>>;
  if (rest.length === 0 && leaf === undefined) return others;
  return { ...others, [step]: withLeaf(child, rest, leaf) };
}

/** Ways to corrupt one leaf: other bytes at several places, another value's, gone, empty. All differ from what was there. */
export function mutations(good: Json, swap: Json, path: Path): [how: string, value: Json | undefined][] {
  const leaf = at(good, path);
  const swapped = at(swap, path);
  const changed: [string, Json | undefined][] = [
    ["dropped", undefined],
    ["emptied", emptied(leaf ?? null)],
  ];
  if (typeof leaf === "string") changed.push(...flips(leaf));
  if (typeof leaf === "number") changed.push(["one more", leaf + 1]);
  if (typeof leaf === "boolean") changed.push(["turned", !leaf]);
  if (swapped !== undefined) changed.push(["swapped", swapped]);
  return changed.filter(([, value]) => JSON.stringify(value) !== JSON.stringify(leaf));
}

export function at(value: Json | undefined, [step, ...rest]: Path): Json | undefined {
  if (step === undefined || value === undefined) return value;
  return at((value as Readonly<Record<string, Json>> | null)?.[step], rest);
}

/** Where bytes are flipped, as shares of the length: both ends and between. */
const PLACES = [0, 0.7];

function flips(text: string): [string, Json][] {
  return PLACES.map((place) => [`byte at ${place} flipped`, flip(text, place, 0)]);
}

/** One bit of one byte, of what base64 text encodes or of the text itself. @param place  a share of the length */
export function flip(text: string, place: number, bit: number): string {
  const decoded = Buffer.from(text, "base64");
  const encoded = text.length > 0 && decoded.toString("base64") === text && !/^\d+$/.test(text);
  const bytes = encoded ? decoded : Buffer.from(text);
  const index = Math.min(bytes.length - 1, Math.floor(place * bytes.length));
  bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
  return bytes.toString(encoded ? "base64" : "latin1");
}

function emptied(leaf: Json): Json {
  return typeof leaf === "number" ? 0 : typeof leaf === "boolean" ? false : "";
}
