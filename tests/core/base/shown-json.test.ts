import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { shownJson } from "../../../core/base/shown-json.ts";

describe("a value that somebody else wrote", () => {
  it("is shown as JSON where there is room", () => {
    const shallow = fc.jsonValue({ maxDepth: 4 });
    fc.assert(fc.property(shallow, (value) => expect(shownJson(value, 1_000_000)).toBe(JSON.stringify(value))));
  });

  it("is cut where there is none, and takes no longer for what is not shown", () => {
    let deep: unknown = 1;
    for (let level = 0; level < 1_000_000; level++) deep = [deep];
    expect(shownJson(deep, 20)).toBe("[[[[[[...]]]]]]");
    expect(shownJson("x".repeat(10_000_000), 10)).toBe('"xxxxxx...');
    expect(shownJson(Array(1_000_000).fill({ a: 1 }), 20)).toBe('[{"a":1},{"a":1},...');
  });

  it("may be anything", () => {
    expect([undefined, 10n, Number.NaN, null].map((value) => shownJson(value, 20))).toEqual([
      "nothing",
      "10",
      "null",
      "null",
    ]);
    fc.assert(
      fc.property(fc.anything(), fc.nat(50), (value, room) => shownJson(value, room).length <= Math.max(3, room)),
    );
  });
});
