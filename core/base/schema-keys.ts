import type { z } from "zod";

type Schema = z.core.$ZodType;
type Definition = z.core.$ZodTypes["_zod"]["def"];

/** Deepest nesting of wrappers followed at one place; a recursive schema has no bottom. */
const WRAPPERS_LIMIT = 32;

/**
 * The keys a schema knows at a place of a value: what a mistyped key there may have meant.
 *
 * @param path  of the object that holds the key, as a zod issue has it: ["objectives", 0]
 * @returns those of every alternative where the schema has several; none where any key is allowed
 */
export function keysAt(schema: Schema, path: readonly PropertyKey[]): readonly string[] {
  let places = opened(schema);
  for (const part of path) places = places.flatMap((place) => inside(place, part)).flatMap((next) => opened(next));
  return [...new Set(places.flatMap((place) => (place.type === "object" ? Object.keys(place.shape) : [])))];
}

/** The definitions behind wrappers, pipes and alternatives: what a value at this place is held against. */
function opened(schema: Schema, depth = 0): Definition[] {
  if (depth > WRAPPERS_LIMIT) return [];
  const def = schema._zod.def as Definition;
  const behind = wrapped(def);
  return behind.length === 0 ? [def] : behind.flatMap((inner) => opened(inner, depth + 1));
}

function wrapped(def: Definition): readonly Schema[] {
  switch (def.type) {
    case "optional":
    case "nullable":
    case "nonoptional":
    case "default":
    case "prefault":
    case "catch":
    case "readonly":
    case "success":
      return [def.innerType];
    case "lazy":
      return [def.getter()];
    case "pipe":
      return [def.in, def.out];
    case "union":
      return def.options;
    case "intersection":
      return [def.left, def.right];
    default:
      return [];
  }
}

function inside(def: Definition, part: PropertyKey): readonly Schema[] {
  switch (def.type) {
    case "object":
      return Object.hasOwn(def.shape, part) ? presentOf(def.shape[String(part)]) : presentOf(def.catchall);
    case "array":
      return [def.element];
    case "tuple":
      return presentOf(def.items[Number(part)] ?? def.rest);
    case "record":
    case "map":
      return [def.valueType];
    default:
      return [];
  }
}

function presentOf(schema: Schema | null | undefined): readonly Schema[] {
  return schema === null || schema === undefined ? [] : [schema];
}
