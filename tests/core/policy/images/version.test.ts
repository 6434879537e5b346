import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { compareVersions, parseVersion, VERSION_LIMIT_CHARS } from "../../../../core/policy/images/version.ts";

const compare = (a: string, b: string) => {
  const [first, second] = [parseVersion(a), parseVersion(b)];
  if (first === undefined || second === undefined) throw new Error(`${a} or ${b} is no version`);
  return Math.sign(compareVersions(first, second));
};

describe("versions are in the order of semver.org section 11", () => {
  const ordered = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
    "10.0.0",
  ];
  it.each(ordered.slice(1).map((later, index) => [ordered[index] ?? "", later]))("%s before %s", (earlier, later) => {
    expect([compare(earlier, later), compare(later, earlier)]).toEqual([-1, 1]);
  });

  it.each([
    ["v1", "1.0.0"],
    ["1.4", "1.4.0"],
    ["1.4.0+build.7", "1.4.0"],
  ])("%s is %s", (a, b) => expect(compare(a, b)).toBe(0));
});

describe("no version is", () => {
  it.each([
    "",
    "latest",
    "1.",
    "01.0.0",
    "1.0.0.0",
    "1.0.0-",
    "1 0",
    "1.0.0\n",
    "-1.0.0",
    "9999999999.0.0",
    `1.0.0-${"a".repeat(VERSION_LIMIT_CHARS)}`,
  ])("%j", (text) => expect(parseVersion(text)).toBeUndefined());
});

describe("any three versions", () => {
  const number = fc.integer({ min: 0, max: 3 });
  const part = fc.constantFrom("0", "1", "12", "a", "rc", "Z", "a-1");
  const version = fc
    .tuple(number, number, number, fc.array(part, { maxLength: 3 }))
    .map(([a, b, c, parts]) => `${a}.${b}.${c}${parts.length === 0 ? "" : `-${parts.join(".")}`}`);
  it("are in one order", () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(compare(a, b)).toBe(-compare(b, a) + 0);
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
        expect(compare(a, b) === 0).toBe(a === b);
      }),
    );
  });
});
