import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { JSON_DEPTH_LIMIT, readStrictJson } from "../../../core/wire/json.ts";

const read = (text: string) => readStrictJson(new TextEncoder().encode(text));

describe("JSON that means one thing only", () => {
  it("reads whatever JSON.parse reads of what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(read(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each([
    `{"a":1,"a":2}`,
    `{"a":1,"\\u0061":2}`,
    `{"a":{"b":1},"c":[{"d":1,"d":1}]}`,
    `{"":1,"":2}`,
    `{"a":"}","a":1}`,
    `{"a" : 1 , "a" : 2}`,
    `{"__proto__":1,"__proto__":2}`,
  ])("refuses the same name twice: %s", (text) => {
    expect(() => read(text)).toThrow(/twice in one object/);
  });

  it.each([`{"a":{"a":1}}`, `[{"a":1},{"a":1}]`, `{"a":"a","b":"a:a"}`, `["a","a"]`, `{"a":"\\"","b":1}`])(
    "knows names of different objects, and values, apart: %s",
    (text) => {
      expect(read(text)).toEqual(JSON.parse(text));
    },
  );

  it.each(["", "{", `{"a"}`, "{'a':1}", "{a:1}", `"a":1`, ":", "}", "[1]2", `{"a":1,}`])(
    "refuses what is no JSON: %s",
    (text) => {
      expect(() => read(text)).toThrow(SyntaxError);
    },
  );

  it("refuses what is no UTF-8, or begins with a mark", () => {
    expect(() => readStrictJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(/not UTF-8/);
    expect(() => read("\uFEFF{}")).toThrow(SyntaxError);
  });

  it("takes time in proportion to what it reads, also for strings without an end", () => {
    // half an hour, were it to grow with the square
    expect(() => read(`"${'\\"'.repeat(500_000)}`)).toThrow(SyntaxError);
  });

  it.each(["[1,2,3]", '{"a":1,"b":{"c":2}}', "[[[]]]"])("refuses more members than it was told to read: %s", (text) => {
    const bytes = new TextEncoder().encode(text);
    expect(readStrictJson(bytes, 3)).toEqual(JSON.parse(text));
    expect(() => readStrictJson(bytes, 2)).toThrow(/more than 2 members/);
  });

  it(`refuses more than ${JSON_DEPTH_LIMIT} levels`, () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(read(nested(JSON_DEPTH_LIMIT))).toBeDefined();
    expect(() => read(nested(JSON_DEPTH_LIMIT + 1))).toThrow(/nested deeper/);
  });
});
