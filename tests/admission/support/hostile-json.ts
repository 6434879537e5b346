import fc from "fast-check";

/** Values no field expects: wrong types, numbers no reader agrees on, names that mean something to JavaScript. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1e308, 2 ** 63, 0.1, "", "0", "null", [], {}, [[]], [null], [{}]),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("x".repeat(100_000), "\u0000", "\u202e", "../../etc/passwd", "a\nb"),
  fc.json({ maxDepth: 4 }).map((text): unknown => JSON.parse(text)),
);

const ODD_KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "then",
  "",
  "a/b~c",
  "0",
  "-1",
];

/** A change at one place of a document. */
type Change = (document: unknown) => unknown;

/** A document with up to `most` changes at places of its own: values replaced, fields added, dropped or repeated. */
export function corrupted(document: unknown, most: number): fc.Arbitrary<unknown> {
  return fc
    .array(change, { minLength: 1, maxLength: most })
    .map((changes) => changes.reduce<unknown>((current, apply) => apply(current), structuredClone(document)));
}

const change: fc.Arbitrary<Change> = fc
  .record({
    at: fc.nat(),
    kind: fc.constantFrom("replace", "add", "drop", "nest", "wrap"),
    value: odd,
    key: fc.constantFrom(...ODD_KEYS),
    depth: fc.integer({ min: 1, max: 200 }),
  })
  .map(({ at, kind, value: shared, key, depth }) => (document) => {
    const value = structuredClone(shared); // a later change of the document may reach into it

    const places = placesOf(document);
    const place = places[at % Math.max(1, places.length)];
    if (place === undefined) return value;
    const { owner, name } = place;
    const old = Reflect.get(owner, name) as unknown;
    if (kind === "drop") Reflect.deleteProperty(owner, name);
    else if (kind === "add" && isNested(old)) define(old, Array.isArray(old) ? String(old.length) : key, value);
    else if (kind === "nest") define(owner, name, nested(old, depth));
    else if (kind === "wrap") define(owner, name, [old, structuredClone(old)]);
    else define(owner, name, value);
    return document;
  });

interface PlaceIn {
  readonly owner: object;
  readonly name: string;
}

function placesOf(document: unknown): PlaceIn[] {
  if (!isNested(document)) return [];
  return Object.entries(document).flatMap(([name, value]) => [{ owner: document, name }, ...placesOf(value)]);
}

/** As a JSON reader makes it: `__proto__` is a field like any other. */
function define(owner: object, name: string, value: unknown): void {
  Object.defineProperty(owner, name, { value, enumerable: true, configurable: true, writable: true });
}

function nested(value: unknown, depth: number): unknown {
  let whole = value;
  for (let level = 0; level < depth; level++) whole = level % 2 === 0 ? [whole] : { a: whole };
  return whole;
}

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;
